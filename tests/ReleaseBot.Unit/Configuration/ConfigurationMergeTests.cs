using CsCheck;
using ReleaseBot.Configuration;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Configuration;

public sealed class ConfigurationMergeTests
{
    [Fact]
    public void A_Shorter_List_Of_Objects_Keeps_Nothing_Of_The_Longer_One_Before_It()
    {
        var settings = Given.Settings(
            Given.With("Projects:0:Images:0:Tags", """["{tag}", "latest", "{major}"]"""),
            """{ "Projects": [ { "Path": "other/shop", "Images": [ { "Registry": "dockerhub", "Repository": "acme/shop", "Tags": ["{version}"] } ] } ] }""");

        var rule = settings.Projects.ShouldHaveSingleItem();
        rule.Path.Pattern.ShouldBe("other/shop");
        var image = rule.Images.ShouldHaveSingleItem();
        image.Registry.ShouldBe("dockerhub");
        image.Tags.ShouldHaveSingleItem().Text.ShouldBe("{version}");
    }

    [Fact]
    public void An_Empty_List_Replaces_An_Earlier_One_And_The_Default()
    {
        Given.Settings(Given.Valid, """{ "Projects": [] }""").Projects.ShouldBeEmpty();
        Given.Settings(Given.With("Projects:0:Tags", "[]")).Projects[0].Tags.ShouldBeEmpty();
        Given.Settings(Given.Valid).Projects[0].Tags.ShouldHaveSingleItem().Pattern.ShouldBe("*");
    }

    [Fact]
    public void A_List_Of_Secrets_Is_Replaced_By_The_Environment_As_A_Whole()
    {
        var (configuration, problems) = ConfigurationLoader.Load(new ConfigurationSources
        {
            WorkingDirectory = "/nowhere",
            SecretsDirectory = "/nowhere",
            Environment = new Dictionary<string, string> { ["GitLab__Webhook__Secrets__0"] = "the-only-secret-that-is-left" },
        });
        problems.ShouldBeEmpty();

        var merged = ConfigurationMerge.Merge(
        [
            Layer("file", ("GitLab:Webhook:Secrets:0", "first-secret-of-the-file"), ("GitLab:Webhook:Secrets:1", "second-secret-of-the-file")),
            Layer("environment", [.. configuration.Values.Select(value => (value.Key, value.Value))]),
        ]);

        merged.Values.ShouldHaveSingleItem().Value.ShouldBe("the-only-secret-that-is-left");
        merged.ReplacedLists.ShouldHaveSingleItem().ShouldBe(new ReplacedList("GitLab:Webhook:Secrets", "environment", "file"));
    }

    [Fact]
    public void Maps_Are_Merged_By_Key_And_Case_Does_Not_Count()
    {
        var settings = Given.Settings(Given.Valid, """{ "registries": { "GITLAB": { "PASSWORD": "another-password" }, "third": { "Host": "third.example" } } }""");

        settings.Registries.Keys.ShouldBe(["gitlab", "dockerhub", "third"], ignoreOrder: true);
        settings.Registries["gitlab"].Password!.Reveal().ShouldBe("another-password");
        settings.Registries["gitlab"].Username.ShouldBe("bot");
    }

    [Fact]
    public void Null_Brings_The_Default_Back()
    {
        var settings = Given.Settings(Given.Valid, """{ "Engine": { "Concurrency": 7 } }""", """{ "Engine": { "Concurrency": null } }""");

        settings.Engine.Concurrency.ShouldBe(2);
    }

    [Theory]
    [InlineData("""{ "Registries": null }""", "third")]
    [InlineData("""{ "Registries": { "OTHER": null } }""", "gitlab,dockerhub,third")]
    [InlineData("""{ "Registries": { "other": { "Host": null } } }""", "gitlab,dockerhub,other,third")]
    [InlineData("""{ "Registries": { "other": {} } }""", "gitlab,dockerhub,other,third")]
    [InlineData("""{ "Registries": {} }""", "gitlab,dockerhub,other,third")]
    public void Null_Undoes_A_Map_Or_Its_Entry_And_An_Empty_Object_Undoes_Nothing(string json, string expected)
    {
        var (_, problems) = SettingsReader.Read(Given.Merged(Given.Valid), Roles.None);
        problems.ShouldBeEmpty();
        var merged = Given.Merged(
            """{ "Registries": { "gitlab": { "Host": "registry.example" }, "dockerhub": { "Host": "docker.io" }, "other": { "Host": "other.example", "Insecure": false } } }""",
            json,
            """{ "Registries": { "third": { "Host": "third.example" } } }""");

        var (settings, found) = SettingsReader.Read(merged, Roles.None);

        var isWithoutHost = json.Contains("Host", StringComparison.Ordinal);
        found.Select(problem => problem.Key).ShouldBe(isWithoutHost ? ["Registries:other:Host"] : []);
        settings?.Registries.Keys.ShouldBe(expected.Split(','), ignoreOrder: true);
    }

    [Fact]
    public void Null_Undoes_A_Section_With_All_Below_It()
    {
        var settings = Given.Settings(
            Given.Valid,
            """{ "Engine": { "Concurrency": 7, "CacheBudget": "1GB" }, "GitLab": { "Webhook": { "MaxBodyBytes": 5000000 } } }""",
            """{ "engine": null, "GitLab": { "Webhook": null }, "Channels": { "team": null, "none": null } }""",
            """{ "Engine": { "CacheBudget": "2GB" }, "GitLab": { "Webhook": { "Secrets": ["another-secret-of-32-characters!"] } } }""");

        (settings.Engine.Concurrency, settings.Engine.CacheBudget).ShouldBe((2, 2_000_000_000));
        settings.GitLab.Webhook.MaxBodyBytes.ShouldBe(26_214_400);
        settings.Channels.ShouldBeEmpty();
    }

    [Fact]
    public void An_Entry_Of_A_Map_That_Is_Undone_May_Be_Given_Again()
    {
        var (_, problems) = SettingsReader.Read(
            Given.Merged(Given.Valid, """{ "Registries": { "third": { "Host": "third.example" } } }""", """{ "Registries": { "third": null } }""", """{ "Registries": { "third": {} } }"""),
            Roles.None);

        problems.ShouldHaveSingleItem().Key.ShouldBe("Registries:third:Host");
    }

    [Fact]
    public void A_Missing_Key_In_A_List_That_Hides_Another_Tells_So()
    {
        var (_, problems) = SettingsReader.Read(
            Given.Merged(Given.Valid, """{ "Projects": [ { "CommitStatus": true } ] }"""), Roles.All);

        problems.Select(problem => problem.Key).ShouldBe(["Projects:0:Images", "Projects:0:Path"]);
        problems[1].Message.ShouldContain("The list Projects is taken whole from file2.json; what file1.json says of it does not count.");
    }

    [Fact]
    public void Foreign_Sections_Reach_The_Host_Untouched_And_Ours_Do_Not()
    {
        var host = Given.Merged(Given.Valid, """{ "Logging": { "LogLevel": { "Default": "Debug" } }, "AllowedHosts": "*" }""").ForHost();

        host["Logging:LogLevel:Default"].ShouldBe("Debug");
        host["AllowedHosts"].ShouldBe("*");
        host["Urls"].ShouldBe("http://127.0.0.1:8080");
        host["GitLab:Token"].ShouldBeNull();
        Given.Merged("""{ "Urls": "http://127.0.0.1:1" }""").ForHost()["Urls"].ShouldBe("http://127.0.0.1:1");
        const string Endpoints = """{ "Kestrel": { "Endpoints": { "Https": { "Url": "https://*:443" } } } }""";
        Given.Merged(Endpoints).ForHost()["Urls"].ShouldBeNull();
        Given.Merged(Endpoints, """{ "Kestrel": { "Endpoints": null } }""").ForHost()["Urls"].ShouldBe("http://127.0.0.1:8080");
    }

    // Whatever earlier sources hold, a list has exactly the entries of the last source that gives it.
    [Fact]
    public void The_Last_Source_That_Gives_A_List_Decides_It_Alone()
    {
        Gen.Int[0, 4].Array[1, 5].Sample(lengths =>
        {
            var layers = lengths.Select((length, source) => Layer($"source{source}", length == 0
                ? [("GitLab:Webhook:Secrets", "")]
                : [.. Enumerable.Range(0, length).Select(index => ($"GitLab:Webhook:Secrets:{index}", $"secret-{source}-{index}"))])).ToList();

            var values = ConfigurationMerge.Merge(layers).Values.Select(value => value.Value).ToList();

            var last = lengths.Length - 1;
            values.ShouldBe(lengths[last] == 0 ? [""] : [.. Enumerable.Range(0, lengths[last]).Select(index => $"secret-{last}-{index}")]);
        });
    }

    private static ConfigurationLayer Layer(string source, params (string Key, string? Value)[] values) =>
        new(source, [.. values.Select(value => new KeyValuePair<string, string?>(value.Key, value.Value))]);
}
