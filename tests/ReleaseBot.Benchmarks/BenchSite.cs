using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ReleaseBot.Parts;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.GitLab.Hooks;

namespace ReleaseBot.Benchmarks;

/// <summary>A GitLab that sends signed hooks, and whatever else a benchmark starts: all of it ends with this, the last first.</summary>
internal sealed class BenchSite : IAsyncDisposable
{
    private readonly Stack<IAsyncDisposable> _parts = new();
    private readonly string _signingToken = "whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    private BenchSite(GitLabStandIn gitLab) => GitLab = Own(gitLab);

    public GitLabStandIn GitLab { get; }

    public static async Task<BenchSite> StartAsync(CancellationToken cancellationToken) =>
        new(await GitLabStandIn.StartAsync(new GitLabStandInOptions { Token = "glpat-" + RandomNumberGenerator.GetHexString(20, lowercase: true) }, cancellationToken));

    public T Own<T>(T part)
        where T : IAsyncDisposable
    {
        _parts.Push(part);
        return part;
    }

    /// <summary>A project whose version tags are protected.</summary>
    public async Task<StandInProject> AddProjectAsync(string path, CancellationToken cancellationToken)
    {
        var project = await GitLab.AddProjectAsync(path, null, cancellationToken);
        project.ProtectedTags.Add("v*");
        return project;
    }

    /// <summary>The same with its first commit on <c>main</c>.</summary>
    public async Task<(StandInProject Project, string Commit)> AddProjectAsync(string path, Dictionary<string, string?> files, CancellationToken cancellationToken)
    {
        var project = await AddProjectAsync(path, cancellationToken);
        using var clone = await StandInRepository.CreateAsync(GitLab, project, cancellationToken);
        var commit = await clone.CommitAsync(files, "The beginning", cancellationToken);
        await clone.PushAsync(cancellationToken, "main");
        return (project, commit);
    }

    /// <param name="project">The path of the one that the hook is of; null: of all.</param>
    public void SendHooksTo(BotProgram bot, string? project = null) =>
        GitLab.AddHook(project is null
            ? new StandInHook { Url = bot.Hook, Scope = HookScope.System, SigningToken = _signingToken }
            : new StandInHook { Url = bot.Hook, Scope = HookScope.Project, Owner = project, SigningToken = _signingToken });

    /// <summary>What a bot needs to hear and to ask this GitLab, as environment variables.</summary>
    public Dictionary<string, string> Secrets() => new()
    {
        ["GitLab__Token"] = GitLab.Options.Token,
        ["GitLab__Webhook__SigningTokens__0"] = _signingToken,
    };

    /// <summary>For a bot that publishes every project below <c>bench</c> to one registry without a password, as its version and as <c>latest</c>.</summary>
    public JsonObject Settings(DockerRegistry registry, JsonObject engine) => new()
    {
        [nameof(GitLab)] = new JsonObject { ["Url"] = GitLab.Url.AbsoluteUri },
        ["Registries"] = new JsonObject { ["main"] = new JsonObject { ["Host"] = registry.Host, ["Insecure"] = true } },
        ["Projects"] = new JsonArray(new JsonObject
        {
            ["Path"] = "bench/**",
            ["Images"] = new JsonArray(new JsonObject { ["Registry"] = "main", ["Repository"] = "{project.path}", ["Tags"] = new JsonArray("{tag}", "latest") }),
        }),
        ["Engine"] = engine,
    };

    public async ValueTask DisposeAsync()
    {
        while (_parts.TryPop(out var part))
        {
            await part.DisposeAsync();
        }
    }
}
