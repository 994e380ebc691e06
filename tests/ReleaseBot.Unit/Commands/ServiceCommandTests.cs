using ReleaseBot.Commands;
using ReleaseBot.Configuration;
using ReleaseBot.Unit.Configuration;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Commands;

public sealed class ServiceCommandTests : IDisposable
{
    /// <summary>What processes of one role each may share, without the secrets of either.</summary>
    private const string Split = """
        {
          "Storage": { "Provider": "Postgres", "ConnectionString": "Host=db" }, "Bus": { "Transport": "RabbitMq" },
          "Registries": { "hub": { "Host": "registry.example", "Username": "bot" } }, "Channels": { "team": { "Kind": "Slack" } },
          "Engine": { "Endpoint": "tcp://dind:2376" }
        }
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("releasebot-command-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("serve", "All")]
    [InlineData("serve", "All", "serve")]
    [InlineData("serve", "All", "serve", "--roles", "worker, WEB")]
    [InlineData("serve", "All", "--roles=web,worker")]
    [InlineData("check", "All", "check")]
    [InlineData("migrate", "None", "migrate")]
    public async Task A_Valid_Configuration_Is_Handed_Over_With_The_Roles(string command, string roles, params string[] arguments)
    {
        await WriteAsync("appsettings.json", Given.Valid);
        CommandRun run = new() { WorkingDirectory = _folder.FullName };

        (await run.InvokeAsync(arguments)).ShouldBe(ExitCode.Ok, run.Error);

        run.Started.ShouldNotBeNull();
        run.Started.Value.Command.ShouldBe(command);
        run.Started.Value.Roles.ShouldBe(Enum.Parse<Roles>(roles));
        run.Error.ShouldBeEmpty();
    }

    [Fact]
    public async Task Every_Source_Counts_And_Keys_On_The_Command_Line_Win()
    {
        await WriteAsync("appsettings.json", Given.Valid);
        await WriteAsync("more.json", """{ "Engine": { "Concurrency": 3 } }""");
        CommandRun run = new() { WorkingDirectory = _folder.FullName, Environment = { ["GitLab__Token"] = "glpat-of-the-environment" } };

        (await run.InvokeAsync("serve", "--config", "more.json", "--Urls", "http://127.0.0.1:9000", "--GitLab:Url=https://gitlab.example/git")).ShouldBe(ExitCode.Ok, run.Error);

        var (_, settings, _, configuration) = run.Started.ShouldNotBeNull();
        settings.Engine.Concurrency.ShouldBe(3);
        settings.GitLab.Token!.Reveal().ShouldBe("glpat-of-the-environment");
        settings.GitLab.Url.ShouldBe(new Uri("https://gitlab.example/git"));
        configuration.ForHost()["Urls"].ShouldBe("http://127.0.0.1:9000");
    }

    [Theory]
    [InlineData("serve")]
    [InlineData("check")]
    public async Task An_Invalid_Configuration_Ends_With_2_And_Every_Problem(string command)
    {
        CommandRun run = new() { Environment = { ["GitLab__Tokn"] = "glpat-secret", ["Engine__Concurrency"] = "none" } };

        (await run.InvokeAsync(command, "--config", "absent.json", "--GitLab:Token=glpat-typed")).ShouldBe(ExitCode.Invalid);

        run.Started.ShouldBeNull();
        run.Error.ShouldStartWith("releasebot: the configuration has 5 problems.\n  absent.json: there is no such file.\n  GitLab:Token (environment: GitLab__Token): is a secret");
        run.Error.ShouldContain("\n  Engine:Concurrency (environment: Engine__Concurrency): \"none\" is not legal; must be a whole number from 1 to 256.\n");
        run.Error.ShouldContain("Did you mean GitLab:Token?");
        run.Error.ShouldContain("\n  GitLab:Webhook:Secrets (environment: GitLab__Webhook__Secrets): or GitLab:Webhook:SigningTokens must have an entry");
        run.Error.ShouldNotContain("glpat");
    }

    [Theory]
    [InlineData("web", "Registries:hub:Password (environment: Registries__hub__Password): is required", "GitLab__Webhook__Secrets__0", "Channels__team__Url")]
    [InlineData("worker", "GitLab:Webhook:Secrets (environment: GitLab__Webhook__Secrets): or ", "Registries__hub__Password", "Engine__DiskPath")]
    public async Task A_Check_Among_The_Secrets_Of_One_Role_Is_A_Check_Of_That_Role(string role, string lacking, params string[] given)
    {
        await WriteAsync("appsettings.json", Split);
        CommandRun run = new() { WorkingDirectory = _folder.FullName, Environment = { ["Bus__Uri"] = "amqp://rabbit/" } };
        foreach (var key in given)
        {
            run.Environment[key] = key switch
            {
                "Engine__DiskPath" => _folder.FullName,
                "Channels__team__Url" => "https://chat.example/hooks/1",
                _ => "a-secret-of-32-characters-in-all",
            };
        }

        (await run.InvokeAsync("check")).ShouldBe(ExitCode.Ok, run.Error);

        run.Started.ShouldNotBeNull().Roles.ShouldBe(Enum.Parse<Roles>(role, ignoreCase: true));
        run.IsPresumed.ShouldBeTrue();
        run.Error.ShouldStartWith("releasebot: for both roles the configuration lacks:\n  ");
        run.Error.ShouldContain($"\n  {lacking}");
        run.Error.ShouldContain($"A process of --roles {role} needs none of that, so this is checked as one.");
        (await run.InvokeAsync("check", "--roles", role)).ShouldBe(ExitCode.Ok, run.Error);
        run.IsPresumed.ShouldBeFalse();
        (await run.InvokeAsync("check", "--roles", "web,worker")).ShouldBe(ExitCode.Invalid);
        (await run.InvokeAsync("serve")).ShouldBe(ExitCode.Invalid);
    }

    [Theory]
    [InlineData("Engine__CertificatePath", "/absent", "Engine:CertificatePath (environment: Engine__CertificatePath): \"/absent\" is not legal")]
    [InlineData("Engine__DiskPath", "/absent", "Engine:DiskPath (environment: Engine__DiskPath): \"/absent\" is not legal")]
    [InlineData("Registries__hub__CaFile", "/absent/ca.pem", "Registries:hub:CaFile (environment: Registries__hub__CaFile): \"/absent/ca.pem\" is not legal")]
    public async Task A_Value_That_Is_Given_And_Wrong_Makes_No_Check_One_Of_The_Other_Role(string key, string value, string problem)
    {
        await WriteAsync("appsettings.json", Split);
        CommandRun run = new()
        {
            WorkingDirectory = _folder.FullName,
            Environment =
            {
                ["Bus__Uri"] = "amqp://rabbit/",
                ["GitLab__Webhook__Secrets__0"] = Given.WebhookSecret,
                ["Channels__team__Url"] = "https://chat.example/hooks/1",
            },
        };
        (await run.InvokeAsync("check")).ShouldBe(ExitCode.Ok, run.Error);
        run.Environment[key] = value;

        (await run.InvokeAsync("check")).ShouldBe(ExitCode.Invalid);

        run.Error.ShouldContain($"\n  {problem}");
    }

    [Fact]
    public async Task A_Migration_Needs_The_Database_Only()
    {
        CommandRun run = new() { Environment = { ["Storage__Provider"] = "Postgres", ["Storage__ConnectionString"] = "Host=db;Password=x" } };

        (await run.InvokeAsync("migrate")).ShouldBe(ExitCode.Ok, run.Error);

        run.Started!.Value.Roles.ShouldBe(Roles.None);
    }

    [Theory]
    [InlineData("\"srve\" is not a command. Did you mean serve?", "srve")]
    [InlineData("\"--role\" is not an option of this command, nor a key of the configuration. Did you mean --roles?", "serve", "--role=web")]
    [InlineData("--roles takes web, worker or web,worker, not \"web,builder\".", "serve", "--roles", "web,builder")]
    [InlineData("a word too many stands on the command line", "check", "gitlab")]
    public async Task Wrong_Usage_Ends_With_2_And_Its_Cure(string expected, params string[] arguments)
    {
        CommandRun run = new();

        (await run.InvokeAsync(arguments)).ShouldBe(ExitCode.Invalid);

        run.Error.ShouldContain(expected);
        run.Error.ShouldContain("--help\".");
        run.Started.ShouldBeNull();
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("serve", "--help")]
    [InlineData("publish", "--help")]
    [InlineData("releases", "-h")]
    public async Task Help_Has_Examples_And_Needs_Nothing(params string[] arguments)
    {
        CommandRun run = new();

        (await run.InvokeAsync(arguments)).ShouldBe(ExitCode.Ok);

        run.Out.ShouldContain("releasebot");
        run.Out.ShouldContain("Examples:\n");
        run.Error.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_Version_Is_That_Of_The_Executable()
    {
        CommandRun run = new();

        (await run.InvokeAsync("--version")).ShouldBe(ExitCode.Ok);

        run.Out.ShouldMatch(@"\A\d+\.\d+\.\d+.*\n\z");
    }

    [Fact]
    public async Task Every_Key_Is_Listed()
    {
        CommandRun run = new();

        (await run.InvokeAsync("config")).ShouldBe(ExitCode.Ok);

        run.Out.ShouldContain("  Projects:N:Images:N:Registry   (text; required)\n      A name of Registries.\n");
        run.Out.ShouldContain("  Engine:CacheBudget   (size; default 20GB)\n");
    }

    [Theory]
    [InlineData("config")]
    [InlineData("--version")]
    [InlineData("--help")]
    [InlineData("serve", "--help")]
    public async Task Output_That_Can_Not_Be_Written_Is_Told_In_A_Line(params string[] arguments)
    {
        CommandRun run = new() { OutputFault = new IOException("No space left on device") };

        (await run.InvokeAsync(arguments)).ShouldBe(ExitCode.Failed);

        run.Error.ShouldBe("releasebot: the output can't be written: No space left on device.\n");
    }

    [Fact]
    public async Task Output_That_Is_Closed_Is_Told_As_Such()
    {
        CommandRun run = new() { OutputFault = new UnauthorizedAccessException("Access to the path is denied.", new IOException("Bad file descriptor")) };

        (await run.InvokeAsync("config")).ShouldBe(ExitCode.Failed);

        run.Error.ShouldBe("releasebot: the output can't be written: Bad file descriptor.\n");
    }

    private Task WriteAsync(string name, string text) =>
        File.WriteAllTextAsync(Path.Combine(_folder.FullName, name), text, TestContext.Current.CancellationToken);
}
