using System.Text.Json.Nodes;
using Xunit;

namespace ReleaseBot.EndToEnd.Compose;

/// <summary>docker-compose.yml and what belongs to it, in a folder of its own, with the secrets that ops/compose/secrets.sh makes.</summary>
internal sealed class ComposeProject : IDisposable
{
    private const string AsJson = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rb-compose-");

    private ComposeProject()
    {
    }

    public string Folder => _folder.FullName;

    public static async Task<ComposeProject> CreateAsync()
    {
        var project = new ComposeProject();
        try
        {
            foreach (var (from, to) in (IEnumerable<(string, string)>)
                [("docker-compose.yml", "docker-compose.yml"), (".env.example", ".env"), ("ops/compose/releasebot.json", "releasebot.json")])
            {
                File.Copy(Path.Combine(CommandLine.Repository, from), Path.Combine(project.Folder, to));
            }

            await project.MakeSecretsAsync();
            return project;
        }
        catch
        {
            project.Dispose();
            throw;
        }
    }

    public Task<string> MakeSecretsAsync() =>
        CommandLine.RunAsync(Folder, new Dictionary<string, string>(), Path.Combine(CommandLine.Repository, "ops/compose/secrets.sh"));

    public string Secret(string name) => File.ReadAllText(Path.Combine(Folder, "secrets", name)).Trim();

    public Task WriteSecretAsync(string name, string value) =>
        File.WriteAllTextAsync(Path.Combine(Folder, "secrets", name), value, TestContext.Current.CancellationToken);

    /// <summary>What compose itself makes of the file.</summary>
    public async Task<JsonNode> ConfigureAsync(string profiles)
    {
        var json = await CommandLine.RunAsync(
            Folder, new Dictionary<string, string> { ["COMPOSE_PROFILES"] = profiles }, "sh", "-c", "docker-compose config | python3 -c \"$0\"", AsJson);
        return JsonNode.Parse(json[json.IndexOf('{', StringComparison.Ordinal)..])!;
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
