using System.Text.Json.Nodes;
using ReleaseBot.Configuration;
using ReleaseBot.Core;
using Shouldly;

namespace ReleaseBot.Unit.Configuration;

/// <summary>Configurations as tests write them.</summary>
internal static class Given
{
    public const string WebhookSecret = "a-webhook-secret-of-32-characters";

    /// <summary>The least that a web and worker process starts with, and one rule.</summary>
    public const string Valid = $$"""
        {
          "GitLab": { "Token": "glpat-0123456789", "Webhook": { "Secrets": ["{{WebhookSecret}}"] } },
          "Registries": {
            "gitlab": { "Host": "registry.example", "Username": "bot", "Password": "registry-password" },
            "dockerhub": { "Host": "index.docker.io" }
          },
          "Channels": { "team": { "Kind": "Slack", "Url": "https://chat.example/hooks/channel-secret" } },
          "Projects": [
            { "Path": "acme/**", "Images": [ { "Registry": "gitlab", "Repository": "{project.path}", "Tags": ["{tag}", "latest"] } ] }
          ]
        }
        """;

    /// <summary>The valid configuration with one value changed; the path as in a configuration key, null to remove it.</summary>
    public static string With(string key, string? json)
    {
        var root = JsonNode.Parse(Valid)!;
        var segments = key.Split(':');
        var parent = root;
        foreach (var segment in segments[..^1])
        {
            parent = parent is JsonArray array ? array[int.Parse(segment, null)]! : parent[segment] ??= new JsonObject();
        }

        var value = json is null ? null : JsonNode.Parse(json);
        if (parent is JsonArray items)
        {
            items[int.Parse(segments[^1], null)] = value;
        }
        else if (json is null)
        {
            parent.AsObject().Remove(segments[^1]);
        }
        else
        {
            parent[segments[^1]] = value;
        }

        return root.ToJsonString();
    }

    public static MergedConfiguration Merged(params string[] files)
    {
        List<ConfigurationProblem> problems = [];
        var layers = files.Select((json, index) => JsonSettingsFile.Parse(json, $"file{index + 1}.json", problems)!).ToList();
        problems.ShouldBeEmpty();
        return ConfigurationMerge.Merge(layers);
    }

    public static ReleaseBotSettings Settings(params string[] files)
    {
        var (settings, problems) = SettingsReader.Read(Merged(files), Roles.All);
        problems.ShouldBeEmpty();
        return settings.ShouldNotBeNull();
    }

    public static IReadOnlyList<ConfigurationProblem> Problems(string json, Roles roles = Roles.All)
    {
        var (settings, problems) = SettingsReader.Read(Merged(json), roles);
        (settings is null).ShouldBe(problems.Count > 0);
        return problems;
    }

    /// <summary>The one problem there is.</summary>
    public static ConfigurationProblem Problem(string json, Roles roles = Roles.All) => Problems(json, roles).ShouldHaveSingleItem();
}
