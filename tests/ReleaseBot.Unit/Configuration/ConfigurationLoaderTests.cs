using ReleaseBot.Configuration;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Configuration;

public sealed class ConfigurationLoaderTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("releasebot-config-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Every_Source_Wins_Over_The_Ones_Before_It()
    {
        Write("appsettings.json", """{ "Engine": { "Concurrency": 1 } }""");
        Write("extra.json", """{ "Engine": { "Concurrency": 2 } }""");
        Write("secrets/Engine__Concurrency", "3\n");
        ConfigurationSources sources = new() { WorkingDirectory = _folder.FullName, SecretsDirectory = "/nowhere", Environment = Variables() };

        Only(sources).ShouldBe("1");
        sources = sources with { ConfigFile = "extra.json" };
        Only(sources).ShouldBe("2");
        sources = sources with { SecretsDirectory = Path.Combine(_folder.FullName, "secrets") };
        Only(sources).ShouldBe("3");
        sources = sources with { Environment = Variables(("ENGINE__CONCURRENCY", "4")) };
        Only(sources).ShouldBe("4");
        sources = sources with { CommandLine = ["--Engine:Concurrency=5"] };
        Only(sources).ShouldBe("5");
    }

    [Fact]
    public void Only_Variables_And_Files_Of_Our_Sections_Count_And_Typos_In_Them_Are_Told()
    {
        Write("secrets/postgres_password", "x");
        Write("secrets/Other__Thing", "x");
        Write("secrets/GitLab__Webhok__Secrets__0", "x");
        var (configuration, problems) = ConfigurationLoader.Load(Sources() with
        {
            SecretsDirectory = Path.Combine(_folder.FullName, "secrets"),
            Environment = Variables(("PATH", "/bin"), ("GITLAB", "x"), ("Other__Key", "x"), ("GitLab__Tokn", "glpat-secret"), ("Logging__LogLevel__Default", "Debug")),
        });
        problems.ShouldBeEmpty();

        var unknown = SettingsReader.Read(configuration, Roles.None).Problems;

        unknown.Select(problem => problem.Key).ShouldBe(["GitLab:Tokn", "GitLab:Webhok"]);
        unknown[0].EnvironmentName.ShouldBe("GitLab__Tokn");
        unknown[0].Message.ShouldContain("Did you mean GitLab:Token?");
        unknown[0].ToString().ShouldNotContain("glpat");
        configuration.ForHost()["Logging:LogLevel:Default"].ShouldBe("Debug");
    }

    [Fact]
    public void A_Folder_In_The_Place_Of_A_Secrets_File_Is_Told()
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder.FullName, "secrets", "GitLab__Token"));
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "secrets", "..data"));

        var (_, problems) = ConfigurationLoader.Load(Sources() with { SecretsDirectory = Path.Combine(_folder.FullName, "secrets") });

        var problem = problems.ShouldHaveSingleItem();
        problem.Key.ShouldBe("GitLab:Token");
        problem.Message.ShouldStartWith($"{folder.FullName} is a folder, where a file with the value belongs.");
    }

    [Theory]
    [InlineData("Urls")]
    [InlineData("URLS")]
    [InlineData("ASPNETCORE_URLS")]
    public void The_Address_Can_Be_Given_By_The_Standard_Variables(string name)
    {
        var (configuration, _) = ConfigurationLoader.Load(Sources() with { Environment = Variables((name, "http://127.0.0.1:9000")) });

        configuration.ForHost()["Urls"].ShouldBe("http://127.0.0.1:9000");
    }

    [Fact]
    public void A_Single_Value_At_The_Top_Has_Its_Own_Name_As_A_Variable_And_As_A_File()
    {
        Write("secrets/PublicUrl", "https://file.example\n");
        var sources = Sources() with { SecretsDirectory = Path.Combine(_folder.FullName, "secrets") };

        Only(sources).ShouldBe("https://file.example");
        Only(sources with { Environment = Variables(("PublicUrl", "https://variable.example")) }).ShouldBe("https://variable.example");
    }

    [Fact]
    public void A_Missing_Config_File_And_Broken_Json_Are_Problems_That_Quote_Nothing()
    {
        Write("appsettings.json", """{ "GitLab": { "Token": "glpat-broken } }""");

        var (_, problems) = ConfigurationLoader.Load(Sources() with { WorkingDirectory = _folder.FullName, ConfigFile = "absent.json" });

        problems.Count.ShouldBe(2);
        problems[0].ToString().ShouldStartWith("appsettings.json: is not valid JSON (comments and trailing commas are allowed): look at line 1");
        problems[0].ToString().ShouldNotContain("glpat");
        problems[1].ToString().ShouldBe("absent.json: there is no such file.");
    }

    [Fact]
    public void A_Key_That_Stands_Twice_In_A_File_Is_A_Problem()
    {
        Write("appsettings.json", """{ "GitLab": { "Token": "one", "token": "two" } }""");

        ConfigurationLoader.Load(Sources() with { WorkingDirectory = _folder.FullName }).Problems.ShouldHaveSingleItem()
            .ToString().ShouldBe("GitLab:token (environment: GitLab__token): stands twice in appsettings.json; case does not count.");
    }

    [Theory]
    [InlineData("--GitLab:Token=glpat-typed")]
    [InlineData("--GitLab:Token", "glpat-typed")]
    [InlineData("--gitlab:webhook:secrets:0=glpat-typed")]
    [InlineData("--Projects:0:BuildSecrets:npm=glpat-typed")]
    [InlineData("--Registries:hub:Password=glpat-typed")]
    [InlineData("--Channels:team:Url=https://chat.example/glpat-typed")]
    [InlineData("--Bus:Uri=amqp://bot:glpat-typed@rabbit")]
    [InlineData("--Storage:ConnectionString=Host=db;Username=bot;Password=glpat-typed")]
    public void Secrets_On_The_Command_Line_Are_Refused_By_Name(params string[] tokens)
    {
        var (configuration, problems) = ConfigurationLoader.Load(Sources() with { CommandLine = tokens });

        var problem = problems.ShouldHaveSingleItem();
        problem.Message.ShouldContain("is not taken from the command line");
        problem.Message.ShouldContain($"/run/secrets/{problem.EnvironmentName}");
        problem.ToString().ShouldNotContain("glpat-typed");
        configuration.Values.ShouldBeEmpty();
    }

    [Fact]
    public void Addresses_Without_Credentials_May_Stand_On_The_Command_Line()
    {
        var (configuration, problems) = ConfigurationLoader.Load(Sources() with
        {
            CommandLine = ["--Storage:ConnectionString=Data Source=/tmp/x.db", "--Bus:Uri=amqp://rabbit", "--Urls", "http://127.0.0.1:1"],
        });

        problems.ShouldBeEmpty();
        configuration.Values.Select(value => value.Value).ShouldBe(["Data Source=/tmp/x.db", "amqp://rabbit", "http://127.0.0.1:1"]);
    }

    [Fact]
    public void Words_On_The_Command_Line_That_Are_No_Keys_Are_Told_And_Not_Repeated()
    {
        var (_, problems) = ConfigurationLoader.Load(Sources() with { CommandLine = ["glpat-stray", "--Engine:Concurrency"] });

        problems.Count.ShouldBe(2);
        problems[0].ToString().ShouldNotContain("glpat-stray");
        problems[1].Message.ShouldBe("needs a value: --Engine:Concurrency=…");
    }

    private static string? Only(ConfigurationSources sources)
    {
        var (configuration, problems) = ConfigurationLoader.Load(sources);
        problems.ShouldBeEmpty();
        return configuration.Values.ShouldHaveSingleItem().Value;
    }

    private static ConfigurationSources Sources() =>
        new() { WorkingDirectory = "/nowhere", SecretsDirectory = "/nowhere", Environment = Variables() };

    private static Dictionary<string, string> Variables(params (string Name, string Value)[] variables) =>
        variables.ToDictionary(variable => variable.Name, variable => variable.Value);

    private void Write(string name, string content)
    {
        var path = Path.Combine(_folder.FullName, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
    }
}
