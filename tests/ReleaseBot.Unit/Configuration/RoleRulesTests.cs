using ReleaseBot.Configuration;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Configuration;

public sealed class RoleRulesTests
{
    private const string Shared = """
        {
          "Storage": { "Provider": "Postgres", "ConnectionString": "Host=db;Username=bot;Password=database-password" },
          "Bus": { "Transport": "RabbitMq", "Uri": "amqp://bot:broker-password@rabbit/" }
        }
        """;

    [Theory]
    [InlineData("{}")]
    [InlineData("""{ "GitLab": { "Webhook": { "Secrets": [] } } }""")]
    public void The_Web_Role_Does_Not_Start_Without_A_Webhook_Secret(string json)
    {
        var problem = Given.Problem(json, Roles.All);

        problem.Key.ShouldBe("GitLab:Webhook:Secrets");
        problem.Message.ShouldContain("GitLab:Webhook:SigningTokens");
        Given.Problems(json, Roles.None).ShouldBeEmpty();
    }

    [Fact]
    public void A_Signing_Token_Alone_Lets_The_Web_Role_Start() =>
        Given.Problems("""{ "GitLab": { "Webhook": { "SigningTokens": ["whsec_c2l4dGVlbiBieXRlcyBvciBtb3Jl"] } } }""").ShouldBeEmpty();

    [Theory]
    [InlineData("web")]
    [InlineData("worker")]
    public void Split_Roles_Need_A_Database_And_A_Bus_That_Processes_Share(string role)
    {
        var roles = Enum.Parse<Roles>(role, ignoreCase: true);

        Given.Problems(Given.Valid, roles).Select(problem => problem.Key).ShouldBe(["Bus:Transport", "Storage:Provider"]);
        SettingsReader.Read(Given.Merged(Given.Valid, Shared), roles).Problems.ShouldBeEmpty();
        Given.Problems(Given.Valid).ShouldBeEmpty();
    }

    [Fact]
    public void A_Worker_Alone_Needs_No_Webhook_Secret() =>
        Given.Problems(Shared, Roles.Worker).ShouldBeEmpty();

    [Fact]
    public void Postgres_And_RabbitMq_Need_Their_Addresses()
    {
        var problems = Given.Problems("""{ "Storage": { "Provider": "Postgres" }, "Bus": { "Transport": "RabbitMq" } }""", Roles.Worker);

        problems.Select(problem => problem.Key).ShouldBe(["Bus:Uri", "Storage:ConnectionString"]);
    }

    [Theory]
    [InlineData("Postgres", "Host=db;Usrname=u;Password=p-secret", "usrname")]
    [InlineData("Postgres", "Host=db;Port=many-secret", "port")]
    [InlineData("Sqlite", "Data Source=a.db;Colour=secret", "colour")]
    public void A_Connection_String_That_The_Driver_Does_Not_Take_Is_A_Problem_And_Not_A_Crash(string provider, string text, string key)
    {
        var problem = Given.Problem($$"""{ "Storage": { "Provider": "{{provider}}", "ConnectionString": "{{text}}" } }""", Roles.None);

        problem.Key.ShouldBe("Storage:ConnectionString");
        problem.Message.ShouldContain($"\"{key}\"");
        problem.Message.ShouldNotContain("secret");
    }

    [Theory]
    [InlineData("Data Source=:memory:")]
    [InlineData("DataSource = :MEMORY: ")]
    [InlineData("Data Source=releases;Mode=Memory;Cache=Shared")]
    [InlineData("Data Source=file:releases?mode=memory&cache=shared")]
    [InlineData("Filename=file::memory:?cache=shared")]
    public void A_Database_In_Memory_Is_Refused_With_The_Cure(string text)
    {
        var problem = Given.Problem($$"""{ "Storage": { "ConnectionString": "{{text}}" } }""", Roles.None);

        problem.Key.ShouldBe("Storage:ConnectionString");
        problem.Message.ShouldContain("in memory");
        problem.Message.ShouldContain("Data Source=releasebot.db");
    }

    [Theory]
    [InlineData("Data Source=memory.db")]
    [InlineData("Data Source=/var/lib/releasebot/releasebot.db;Mode=ReadWriteCreate")]
    public void A_Database_In_A_File_Is_Not_Taken_For_One_In_Memory(string text) =>
        Given.Problems($$"""{ "Storage": { "ConnectionString": "{{text}}" } }""", Roles.None).ShouldBeEmpty();

    [Fact]
    public void Roles_May_Share_A_File_And_Have_Each_Its_Own_Secrets()
    {
        const string file = """
            {
              "Storage": { "Provider": "Postgres", "ConnectionString": "Host=db" }, "Bus": { "Transport": "RabbitMq" },
              "Registries": { "hub": { "Host": "registry.example", "Username": "bot" } }, "Channels": { "team": { "Kind": "Slack" } }
            }
            """;

        Given.Problems(file, Roles.None).ShouldBeEmpty();
        Given.Problems(file, Roles.Worker).Select(problem => problem.Key).ShouldBe(["Bus:Uri", "Registries:hub:Password"]);
        Given.Problems(file, Roles.Web).Select(problem => problem.Key).ShouldBe(["Bus:Uri", "Channels:team:Url", "GitLab:Webhook:Secrets"]);
    }

    [Fact]
    public void A_Build_Secret_In_A_File_Is_The_Workers_Alone()
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "//registry.example/:_authToken=npm_7d1f0a93\n");
            var json = Given.With("Projects:0:BuildSecretFiles", $$"""{ "npm": "{{path}}" }""");

            var settings = Given.Settings(json);
            settings.Projects[0].BuildSecrets["npm"].Reveal().ShouldBe("//registry.example/:_authToken=npm_7d1f0a93\n");
            SettingsSecrets.All(settings).Select(secret => secret.Reveal()).ShouldContain("npm_7d1f0a93");

            File.Delete(path);
            foreach (var roles in new[] { Roles.None, Roles.Web })
            {
                SettingsReader.Read(Given.Merged(json, Shared), roles).Problems.ShouldBeEmpty(roles.ToString());
            }

            var problem = SettingsReader.Read(Given.Merged(json, Shared), Roles.Worker).Problems.ShouldHaveSingleItem();
            (problem.Key, problem.Message.Contains(path, StringComparison.Ordinal)).ShouldBe(("Projects:0:BuildSecretFiles:npm", true));

            File.WriteAllBytes(path, [0x73, 0xff, 0xfe]);
            SettingsReader.Read(Given.Merged(json, Shared), Roles.Worker).Problems.ShouldHaveSingleItem().Message.ShouldContain("base64");
            File.WriteAllText(path, "");
            SettingsReader.Read(Given.Merged(json, Shared), Roles.Worker).Problems.ShouldHaveSingleItem().Message.ShouldContain("from 1 to");
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("Engine:CertificatePath", "/absent/certs", "/absent/certs/ca.pem does not exist")]
    [InlineData("Engine:DiskPath", "/absent/disk", "/absent/disk does not exist")]
    [InlineData("Registries:gitlab:CaFile", "/absent/ca.pem", "/absent/ca.pem does not exist")]
    public void A_File_That_Only_The_Worker_Reads_May_Be_Absent_Elsewhere(string key, string path, string complaint)
    {
        const string engine = """{ "Engine": { "Endpoint": "tcp://dind:2376" } }""";
        IReadOnlyList<ConfigurationProblem> ProblemsOf(string value, Roles roles) =>
            SettingsReader.Read(Given.Merged(Given.With(key, $"\"{value}\""), Shared, engine), roles).Problems;

        ProblemsOf(path, Roles.Web).ShouldBeEmpty();
        ProblemsOf(path, Roles.None).ShouldBeEmpty();
        foreach (var roles in new[] { Roles.Worker, Roles.All })
        {
            var problem = ProblemsOf(path, roles).ShouldHaveSingleItem();
            (problem.Key, problem.Message.Contains(complaint, StringComparison.Ordinal)).ShouldBe((key, true), problem.Message);
        }

        foreach (var text in new[] { "", "/with\\u0000nothing" })
        {
            ProblemsOf(text, Roles.Web).ShouldHaveSingleItem().Key.ShouldBe(key);
            ProblemsOf(text, Roles.None).ShouldHaveSingleItem().Key.ShouldBe(key);
        }
    }

    [Fact]
    public void Whoever_Asks_GitLab_Needs_The_File_Of_Its_Authority_And_A_Migration_Does_Not()
    {
        var json = Given.With("GitLab:CaFile", "\"/absent/ca.pem\"");

        foreach (var roles in new[] { Roles.Web, Roles.Worker })
        {
            SettingsReader.Read(Given.Merged(json, Shared), roles).Problems.ShouldHaveSingleItem().Key.ShouldBe("GitLab:CaFile");
        }

        SettingsReader.Read(Given.Merged(json, Shared), Roles.None).Problems.ShouldBeEmpty();
    }

    [Fact]
    public void What_Is_Legal_And_Hardly_Meant_Is_A_Warning()
    {
        var settings = Given.Settings(
            """{ "GitLab": { "Url": "http://gitlab.example", "Webhook": { "Secrets": ["0123456789abcdef"] } }, "Engine": { "Endpoint": "tcp://dind:2375" } }""");

        SettingsWarnings.Of(settings).Count.ShouldBe(3);
        SettingsWarnings.Of(Given.Settings(Given.Valid)).ShouldBeEmpty();
        SettingsWarnings.Of(Given.Settings(Given.With("Access", """{ "AnonymousRead": true }"""))).ShouldHaveSingleItem().ShouldContain("does nothing without an entry of Access:Tokens");
    }

    [Theory]
    [InlineData("[\"{tag}\", \"latest\"]", "[\"main\"]", "latest")]
    [InlineData("[\"edge\", \"{date:yyyyMMdd}\"]", "[\"main\"]", "edge and {date:yyyyMMdd}")]
    [InlineData("[\"{tag}\", \"latest\"]", "[]", null)]
    [InlineData("[\"{version}\", \"{major}.{minor}\", \"{branch}-{date:yyyyMMdd}\"]", "[\"main\"]", null)]
    public void An_Image_Tag_That_Tags_And_Branches_Would_Share_Is_Warned_Of(string tags, string branches, string? expected)
    {
        var settings = Given.Settings(
            $$"""
            {
              "GitLab": { "Webhook": { "Secrets": ["0123456789abcdef"] } }, "Registries": { "hub": { "Host": "hub.example", "Username": "u", "Password": "p" } },
              "Projects": [ { "Path": "acme/shop", "Branches": {{branches}}, "Images": [ { "Registry": "hub", "Repository": "acme/shop", "Tags": {{tags}} } ] } ]
            }
            """);

        var warnings = SettingsWarnings.Of(settings);

        warnings.Select(warning => warning.Contains($"both would have the image tag {expected}:", StringComparison.Ordinal)).ShouldBe(expected is null ? [] : [true]);
    }
}
