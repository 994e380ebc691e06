using ReleaseBot.Configuration;
using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Configuration;

public sealed class SettingsReaderTests
{
    [Fact]
    public void Nothing_Given_Means_The_Defaults_Of_The_Settings_Themselves()
    {
        var (settings, problems) = SettingsReader.Read(Given.Merged("{}"), Roles.None);

        problems.ShouldBeEmpty();
        settings.ShouldNotBeNull();
        (settings.GitLab with { Webhook = null! }).ShouldBe(new GitLabSettings { Webhook = null! });
        (settings.GitLab.Webhook.ReplayWindow, settings.GitLab.Webhook.MaxBodyBytes).ShouldBe((TimeSpan.FromMinutes(5), 26_214_400));
        settings.Engine.ShouldBe(new EngineSettings());
        settings.Storage.ShouldBe(new StorageSettings());
        settings.Bus.ShouldBe(new BusSettings());
        settings.Publishing.ShouldBe(new PublishingSettings());
        settings.Retention.ShouldBe(new RetentionSettings());
        settings.Reconcile.ShouldBe(new ReconcileSettings());
        settings.Access.Tokens.ShouldBeEmpty();
        settings.Access.AnonymousRead.ShouldBeFalse();
        settings.Projects.ShouldBeEmpty();
    }

    [Fact]
    public void A_Rule_Has_The_Defaults_Of_The_Rule_Itself()
    {
        var rule = Given.Settings(Given.With("Projects:0:Notify", """[ { "Channel": "TEAM" } ]""")).Projects.ShouldHaveSingleItem();

        ProjectRule expected = new() { Path = rule.Path };
        rule.Tags.ShouldBe(expected.Tags);
        rule.Branches.ShouldBe(expected.Branches);
        (rule.RequireProtected, rule.Context, rule.Dockerfile, rule.Target, rule.Platform, rule.Timeout, rule.Overwrite, rule.CommitStatus, rule.GitLabRelease)
            .ShouldBe((expected.RequireProtected, expected.Context, expected.Dockerfile, expected.Target, expected.Platform, expected.Timeout, expected.Overwrite, expected.CommitStatus, expected.GitLabRelease));
        rule.BuildArgs.ShouldBeEmpty();
        rule.Pull.ShouldBeEmpty();
        rule.Notify.ShouldHaveSingleItem().Channel.ShouldBe("team");
        rule.Notify[0].On.ShouldBe(Enum.GetValues<Outcome>(), ignoreOrder: true);
    }

    [Fact]
    public void Every_Mistake_Is_Told_At_Once_With_Its_Key_And_Its_Name_In_The_Environment()
    {
        var problems = Given.Problems("""
            {
              "GitLab": { "Url": "gitlab.com", "Tokn": "glpat-secret", "Webhook": { "Secrets": ["too-short"], "ReplayWindow": "5" } },
              "Registries": { "hub": { "Host": "https://docker.io", "Insecure": "yes" } },
              "Projects": [ { "Path": "acme/**", "Images": [ { "Registry": "hub", "Repository": "a", "Tags": ["x"] }, { "Registry": "hup", "Repository": "{nam}", "Tags": [] } ] } ],
              "Enigne": { "Concurrency": 3, "Builder": "Auto" }
            }
            """);

        problems.Select(problem => problem.Key).ShouldBe(
        [
            "Enigne", "GitLab:Tokn", "GitLab:Url", "GitLab:Webhook:ReplayWindow", "GitLab:Webhook:Secrets:0",
            "Projects:0:Images:1:Registry", "Projects:0:Images:1:Repository", "Projects:0:Images:1:Tags",
            "Registries:hub:Host", "Registries:hub:Insecure",
        ]);
        var registry = problems.Single(problem => problem.Key == "Projects:0:Images:1:Registry");
        registry.ToString().ShouldBe("Projects:0:Images:1:Registry (environment: Projects__0__Images__1__Registry): \"hup\" names no registry. Did you mean hub? Legal are the names in Registries: hub.");
    }

    [Theory]
    [InlineData("GitLab:Tokn", "Did you mean GitLab:Token?")]
    [InlineData("GitLab:Secrets", "Did you mean GitLab:Webhook:Secrets?")]
    [InlineData("GitLab:Webhook:SigningToken", "Did you mean GitLab:Webhook:SigningTokens?")]
    [InlineData("Projects:0:Dockerfil", "Did you mean Projects:0:Dockerfile?")]
    [InlineData("Projects:0:Images:0:Repositroy", "Did you mean Projects:0:Images:0:Repository?")]
    [InlineData("Registries:gitlab:User", "Legal here: Host, Username, Password, Insecure, CaFile, TokenRealm.")]
    [InlineData("Retension", "Did you mean Retention?")]
    [InlineData("Xyzzy", "Legal here: Urls, PublicUrl, GitLab, Registries,")]
    public void An_Unknown_Key_Names_The_Nearest_Right_One(string key, string expected)
    {
        var problem = Given.Problem(Given.With(key, "\"glpat-secret\""));

        problem.Key.ShouldBe(key);
        problem.Message.ShouldContain(expected);
        problem.ToString().ShouldNotContain("glpat-secret");
    }

    [Theory]
    [InlineData("GitLab", "\"x\"", "is an object, not a single value; its keys are Url, Token, CaFile, Webhook.")]
    [InlineData("GitLab:Token", """{ "Value": "x" }""", "is a single value, not an object or a list: one line without spaces around it.")]
    [InlineData("Projects", """{ "first": {} }""", "Projects is a list, its entries are numbered: Projects:0, Projects:1 and so on.")]
    [InlineData("Projects:0:Tags", "\"v*\"", "is a list: give its first entry as Projects:0:Tags:0 (environment: Projects__0__Tags__0), or write [ … ] in a file.")]
    public void A_Wrong_Shape_Is_Told(string key, string json, string expected)
    {
        Given.Problems(Given.With(key, json), Roles.None).Select(problem => problem.Message).ShouldContain(expected);
    }

    [Theory]
    [InlineData("Projects", "is a list: give its first entry as Projects:0")]
    [InlineData("Projects:0:Tags", "is a list: give its first entry as Projects:0:Tags:0")]
    [InlineData("Projects:0:Notify", "is a list: give its first entry as Projects:0:Notify:0")]
    [InlineData("Projects:0:Images:0:Tags", "is a list: give its first entry as Projects:0:Images:0:Tags:0")]
    [InlineData("Projects:0:Timeout", "is a single value, not an object or a list: a duration from ")]
    [InlineData("Projects:0:Path", "is a single value, not an object or a list: a project's path")]
    [InlineData("Projects:0:BuildArgs:NAME", "is a single value, not an object or a list: text, names in braces allowed")]
    [InlineData("Projects:0:Tags:0", "is a single value, not an object or a list: a short tag or branch name")]
    [InlineData("Access:AnonymousRead", "is a single value, not an object or a list: true or false.")]
    [InlineData("Engine:Concurrency", "is a single value, not an object or a list: a whole number")]
    [InlineData("Registries:gitlab:Password", "is a single value, not an object or a list: ")]
    [InlineData("Urls", "is a single value, not an object or a list: one or more URLs")]
    public void An_Empty_Object_Is_No_List_And_No_Value(string key, string expected)
    {
        var json = key.EndsWith(":0", StringComparison.Ordinal) ? Given.With(key[..^2], "[ {} ]") : Given.With(key, "{}");

        var problem = Given.Problem(json);

        problem.Key.ShouldBe(key);
        problem.Message.ShouldStartWith(expected);
    }

    [Theory]
    [InlineData("Engine")]
    [InlineData("GitLab:Webhook")]
    [InlineData("Registries:gitlab")]
    [InlineData("Projects:0:BuildArgs")]
    public void An_Empty_Object_Is_A_Section_Or_A_Map(string key)
    {
        var (_, problems) = SettingsReader.Read(Given.Merged(Given.Valid, Given.With(key, "{}")), Roles.All);

        problems.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("Urls", "\"localhost:8080\"", "Urls")]
    [InlineData("Urls", "\"http://127.0.0.1:99999\"", "Urls")]
    [InlineData("Urls", "\"http://127.0.0.1:8080x\"", "Urls")]
    [InlineData("Urls", "\"http://127.0.0.1:8080/base\"", "Urls")]
    [InlineData("Urls", "\"http://127.0.0.l:8080\"", "Urls")]
    [InlineData("Urls", "\"http://unix:/nowhere/releasebot.sock\"", "Urls")]
    [InlineData("Bus", """{ "Transport": "RabbitMq", "Uri": "amqp://rabbit/a/b" }""", "Bus:Uri")]
    [InlineData("GitLab:Url", "\"ftp://gitlab.com\"", "GitLab:Url")]
    [InlineData("GitLab:Url", "\"https://user:word@gitlab.com\"", "GitLab:Url")]
    [InlineData("GitLab:CaFile", "\"/nowhere/ca.pem\"", "GitLab:CaFile")]
    [InlineData("GitLab:Token", "\"\"", "GitLab:Token")]
    [InlineData("GitLab:Token", "\"two\\nlines\"", "GitLab:Token")]
    [InlineData("GitLab:Webhook:SigningTokens", "[\"whsec_dG9vc2hvcnQ=\"]", "GitLab:Webhook:SigningTokens:0")]
    [InlineData("GitLab:Webhook:SigningTokens", "[\"c2l4dGVlbiBieXRlcyBvciBtb3Jl\"]", "GitLab:Webhook:SigningTokens:0")]
    [InlineData("GitLab:Webhook:ReplayWindow", "\"02:00:00\"", "GitLab:Webhook:ReplayWindow")]
    [InlineData("GitLab:Webhook:ReplayWindow", "\"-00:05:00\"", "GitLab:Webhook:ReplayWindow")]
    [InlineData("GitLab:Webhook:MaxBodyBytes", "100", "GitLab:Webhook:MaxBodyBytes")]
    [InlineData("GitLab:Webhook:MaxBodyBytes", "\"1TB\"", "GitLab:Webhook:MaxBodyBytes")]
    [InlineData("Registries:gitlab:Host", "\"registry.example/path\"", "Registries:gitlab:Host")]
    [InlineData("Registries:gitlab:Insecure", "true", "Registries:gitlab:Insecure")]
    [InlineData("Registries:gitlab:Password", null, "Registries:gitlab:Password")]
    [InlineData("Registries:gitlab:TokenRealm", "\"auth.example\"", "Registries:gitlab:TokenRealm")]
    [InlineData("Channels:team:Kind", "\"Teams2\"", "Channels:team:Kind")]
    [InlineData("Channels:team:Kind", "\"0\"", "Channels:team:Kind")]
    [InlineData("Channels:team:Url", "\"chat.example/secret\"", "Channels:team:Url")]
    [InlineData("Channels:team:SigningToken", "\"whsec_c2l4dGVlbiBieXRlcyBvciBtb3Jl\"", "Channels:team:SigningToken")]
    [InlineData("Projects:0:Path", "\"/acme\"", "Projects:0:Path")]
    [InlineData("Projects:0:Path", null, "Projects:0:Path")]
    [InlineData("Projects:0:Tags", "[\"\"]", "Projects:0:Tags:0")]
    [InlineData("Projects:0:Branches", "[\"refs/heads/main\"]", "Projects:0:Branches:0")]
    [InlineData("Projects:0:Context", "\"../other\"", "Projects:0:Context")]
    [InlineData("Projects:0:Dockerfile", "\"/etc/Dockerfile\"", "Projects:0:Dockerfile")]
    [InlineData("Projects:0:Platforms", "[\"linux/amd64\", \"linux/arm64\"]", "Projects:0:Platforms")]
    [InlineData("Projects:0:Platforms", "[]", "Projects:0:Platforms")]
    [InlineData("Projects:0:Platforms", "[\"amd64\"]", "Projects:0:Platforms:0")]
    [InlineData("Projects:0:Timeout", "\"0s\"", "Projects:0:Timeout")]
    [InlineData("Projects:0:Pull", "[\"gitlab\", \"ghcr\"]", "Projects:0:Pull:1")]
    [InlineData("Projects:0:BuildArgs", """{ "VERSION": "{versoin}" }""", "Projects:0:BuildArgs:VERSION")]
    [InlineData("Projects:0:BuildArgs", """{ "1X": "x" }""", "Projects:0:BuildArgs:1X")]
    [InlineData("Projects:0:BuildSecrets", """{ "npm": "" }""", "Projects:0:BuildSecrets:npm")]
    [InlineData("Projects:0:BuildSecrets", """{ "n p": "value" }""", "Projects:0:BuildSecrets:n p")]
    [InlineData("Projects:0:BuildSecretFiles", """{ "n p": "/etc/passwd" }""", "Projects:0:BuildSecretFiles:n p")]
    [InlineData("Projects:0:Images", "[]", "Projects:0:Images")]
    [InlineData("Projects:0:Images", null, "Projects:0:Images")]
    [InlineData("Projects:0:Images:0:Repository", "\"Acme/Shop\"", "Projects:0:Images:0:Repository")]
    [InlineData("Projects:0:Images:0:Repository", "\"{project.pth}\"", "Projects:0:Images:0:Repository")]
    [InlineData("Projects:0:Images:0:Tags", "[\"{tag}:x\"]", "Projects:0:Images:0:Tags:0")]
    [InlineData("Projects:0:Images:0:Tags", "[\"{tag\"]", "Projects:0:Images:0:Tags:0")]
    [InlineData("Projects:0:Images:0:Tags", null, "Projects:0:Images:0:Tags")]
    [InlineData("Projects:0:Overwrite", "\"Maybe\"", "Projects:0:Overwrite")]
    [InlineData("Projects:0:Notify", """[ { "Channel": "taem" } ]""", "Projects:0:Notify:0:Channel")]
    [InlineData("Projects:0:Notify", """[ { "Channel": "team", "On": ["Sometimes"] } ]""", "Projects:0:Notify:0:On:0")]
    [InlineData("Engine:Endpoint", "\"http://docker:2375\"", "Engine:Endpoint")]
    [InlineData("Engine:Endpoint", "\"tcp://docker\"", "Engine:Endpoint")]
    [InlineData("Engine:CertificatePath", "\"/nowhere\"", "Engine:CertificatePath")]
    [InlineData("Engine:Concurrency", "0", "Engine:Concurrency")]
    [InlineData("Engine:CacheBudget", "\"20 gigs\"", "Engine:CacheBudget")]
    [InlineData("Storage:Provider", "\"MySql\"", "Storage:Provider")]
    [InlineData("Storage:ConnectionString", "\"releasebot.db\"", "Storage:ConnectionString")]
    [InlineData("Storage:ConnectionString", "\"Host=db;Password=x\"", "Storage:ConnectionString")]
    [InlineData("Bus:Uri", "\"amqp://rabbit\"", "Bus:Uri")]
    [InlineData("Access:Tokens", """[ { "Name": "ci", "Secret": "0123456789abcdef", "Scopes": [] } ]""", "Access:Tokens:0:Scopes")]
    [InlineData("Access:Tokens", """[ { "Name": "ci", "Secret": "0123456789abcdef", "Scopes": ["write"] } ]""", "Access:Tokens:0:Scopes:0")]
    [InlineData("Access:Tokens", """[ { "Name": "ci", "Secret": "short", "Scopes": ["read"] } ]""", "Access:Tokens:0:Secret")]
    [InlineData("Publishing:GiveUpAfter", "\"forever\"", "Publishing:GiveUpAfter")]
    [InlineData("Reconcile:Interval", "\"2d\"", "Reconcile:Interval")]
    public void An_Illegal_Value_Is_The_One_Problem_And_Names_Its_Key(string key, string? json, string expectedKey)
    {
        var problem = Given.Problem(Given.With(key, json));

        problem.Key.ShouldBe(expectedKey);
        problem.Message.ShouldEndWith(".");
    }

    [Theory]
    [InlineData("http://127.0.0.1:0")]
    [InlineData("http://0.0.0.0:8080;https://[::]:8443")]
    [InlineData("http://*:8080;http://+:8081;http://localhost:8082")]
    [InlineData("http://unix:/tmp/releasebot.sock")]
    public void An_Address_That_Kestrel_Listens_At_Is_Legal(string urls) => Given.Problems(Given.With("Urls", $"\"{urls}\"")).ShouldBeEmpty();

    [Theory]
    [InlineData("Postgres", "Host=db;Port=99999", "has a Port that is none.")]
    [InlineData("Postgres", "Host=db;Minimum Pool Size=50;Maximum Pool Size=5", "has values that do not go together, e.g. a Minimum Pool Size above the Maximum Pool Size.")]
    [InlineData("Sqlite", "Data Source=x.db;Password=x", "has a Password, and this SQLite can't encrypt. Leave it out.")]
    public void What_A_Driver_Knows_And_Does_Not_Take_Is_Told(string provider, string connection, string expected) =>
        Given.Problem(Given.With("Storage", $$"""{ "Provider": "{{provider}}", "ConnectionString": "{{connection}}" }""")).Message.ShouldBe(expected);

    [Theory]
    [InlineData("", "holds no certificate as PEM")]
    [InlineData("no certificate", "holds no certificate as PEM")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds a certificate that can't be read")]
    public void A_File_Without_Certificates_Is_No_Authority(string content, string expected)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, content);

            Given.Problem(Given.With("GitLab:CaFile", $"\"{path}\"")).Message.ShouldContain(expected);
            Given.Problem(Given.With("Registries:gitlab:CaFile", $"\"{path}\"")).Message.ShouldContain(expected);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("Multiplexing=true", true)]
    [InlineData("multiplexing=True", true)]
    [InlineData("Multiplexing=false", false)]
    [InlineData("Maximum Pool Size=20", false)]
    public void Connections_To_Postgres_Are_Not_Multiplexed(string key, bool isRefused)
    {
        var problems = Given.Problems(Given.With("Storage", $$"""{ "Provider": "Postgres", "ConnectionString": "Host=db;Username=releasebot;{{key}}" }"""), Roles.All);

        problems.Select(problem => problem.Key).ShouldBe(isRefused ? ["Storage:ConnectionString"] : []);
    }

    [Fact]
    public void Empty_Objects_Are_Entries_That_Lack_Their_Keys() =>
        Given.Problems("""{ "Registries": { "hub": {} }, "Projects": [ {} ] }""", Roles.None).Select(problem => problem.Key)
            .ShouldBe(["Projects:0:Images", "Projects:0:Path", "Registries:hub:Host"]);

    [Fact]
    public void A_Legal_Name_Is_Told_For_A_Wrong_Choice()
    {
        Given.Problem(Given.With("Projects:0:Overwrite", "\"Maybe\"")).Message.ShouldBe("\"Maybe\" is not legal; must be Refuse or Allow.");
        Given.Settings(Given.With("Projects:0:Overwrite", "\"aLLow\"")).Projects[0].Overwrite.ShouldBe(OverwritePolicy.Allow);
    }

    [Fact]
    public void A_Secret_That_Is_Too_Short_Says_So_Without_A_Word_Of_It()
    {
        var problem = Given.Problem(Given.With("GitLab:Webhook:Secrets", "[\"hunter2\"]"));

        problem.Message.ShouldBe("must be one line of at least 16 characters without spaces around it: it has only 7.");
    }

    [Fact]
    public void Access_Tokens_Share_Neither_Name_Nor_Secret()
    {
        var problems = Given.Problems(Given.With("Access:Tokens", """
            [ { "Name": "ci", "Secret": "0123456789abcdef", "Scopes": ["read"] }, { "Name": "CI", "Secret": "0123456789abcdef", "Scopes": ["Operate"] } ]
            """));

        problems.Select(problem => problem.Key).ShouldBe(["Access:Tokens:1:Name", "Access:Tokens:1:Secret"]);
    }

    [Theory]
    [InlineData("index.docker.io", "docker.io")]
    [InlineData("registry-1.docker.io", "docker.io")]
    [InlineData("docker.io", "docker.io")]
    [InlineData("Registry.Example:5000", "registry.example:5000")]
    public void Docker_Hub_Has_One_Name(string host, string expected)
    {
        var settings = Given.Settings(Given.With("Registries:gitlab:Host", $"\"{host}\""));

        settings.Registries["gitlab"].Host.ShouldBe(expected);
        settings.Projects[0].Images[0].Host.ShouldBe(expected);
    }

    [Theory]
    [InlineData("localhost:5000", true)]
    [InlineData("127.0.0.1:5000", true)]
    [InlineData("127.9.9.9", true)]
    [InlineData("[::1]:5000", true)]
    [InlineData("registry.localhost", true)]
    [InlineData("localhost.example", false)]
    [InlineData("10.0.0.1:5000", false)]
    [InlineData("registry.example", false)]
    public void Plain_Http_Is_For_Loopback_Hosts(string host, bool isLegal)
    {
        var problems = Given.Problems(Given.With("Registries:plain", $$"""{ "Host": "{{host}}", "Insecure": true }"""));

        problems.Select(problem => problem.Key).ShouldBe(isLegal ? [] : ["Registries:plain:Insecure"]);
    }

    [Fact]
    public void Build_Secrets_Are_Illegal_With_The_Classic_Builder()
    {
        var json = Given.With("Projects:0:BuildSecrets", """{ "npm": "npm-token" }""");
        Given.Problems(json).ShouldBeEmpty();

        var (_, problems) = SettingsReader.Read(Given.Merged(json, """{ "Engine": { "Builder": "classic" } }"""), Roles.All);

        problems.ShouldHaveSingleItem().Key.ShouldBe("Projects:0:BuildSecrets");
        problems[0].Message.ShouldContain("Engine:Builder is Classic");
    }

    [Fact]
    public void Write_Back_Needs_A_Token()
    {
        var (_, problems) = SettingsReader.Read(
            Given.Merged(Given.With("Projects:0:CommitStatus", "true"), """{ "GitLab": { "Token": null } }"""), Roles.All);

        problems.ShouldHaveSingleItem().Key.ShouldBe("Projects:0:CommitStatus");
    }

    [Fact]
    public void A_Build_Argument_May_Be_Empty_And_Keeps_Its_Case()
    {
        var args = Given.Settings(Given.With("Projects:0:BuildArgs", """{ "http_proxy": "", "VERSION": "{version}" }""")).Projects[0].BuildArgs;

        args.Keys.ShouldBe(["http_proxy", "VERSION"]);
        args["http_proxy"].Text.ShouldBe("");
    }

    [Fact]
    public void Hours_Above_23_Are_Hours_And_Not_Days()
    {
        Given.Settings(Given.With("Publishing:GiveUpAfter", "\"24:00:00\"")).Publishing.GiveUpAfter.ShouldBe(TimeSpan.FromHours(24));
    }
}
