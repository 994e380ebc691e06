using ReleaseBot.Configuration;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.GitLab;
using ReleaseBot.History;
using ReleaseBot.Registries;

namespace ReleaseBot.Hosting;

/// <summary>What <c>check</c> asks, in the order of a release's path.</summary>
internal static class Checks
{
    private const int ProjectsLookedAt = 500;
    private static readonly TimeSpan GitLabLimit = TimeSpan.FromSeconds(15);

    /// <param name="roles">What the process is here for: what another role needs is named and not looked at, since it need not be here.</param>
    public static IEnumerable<Check> Of(ReleaseBotSettings settings, Roles roles, IServiceProvider services)
    {
        var gitLab = services.GetRequiredService<GitLabClient>();
        yield return new Check("GitLab", "Check GitLab:Url, and GitLab:CaFile for a private CA.", token => AskGitLabAsync(gitLab, token));
        yield return new Check("hooks", "Check GitLab:Url and GitLab:Token.", token => HookCheck.AskAsync(settings, gitLab, HookCheckBounds.Usual, TimeProvider.System, token));
        foreach (var registry in settings.Registries.Values)
        {
            yield return new Check($"registry {registry.Name} ({registry.Host})", $"Check Registries:{registry.Name}.", roles.HasFlag(Roles.Worker)
                ? token => AskRegistryAsync(settings, registry, services.GetRequiredService<RegistryClients>().Get(registry.Name), gitLab, token)
                : _ => Task.FromResult(LeftToWorker("the web role has no credentials of registries")));
        }

        yield return new Check($"engine {settings.Engine.Endpoint}", "Start the engine, or change Engine:Endpoint; a tcp endpoint with TLS needs Engine:CertificatePath.", roles.HasFlag(Roles.Worker)
                ? token => AskEngineAsync(services.GetRequiredService<DockerEngine>(), token)
                : _ => Task.FromResult(LeftToWorker("the web role does not reach the engine")));
        yield return new Check($"store ({settings.Storage.Provider})", "Check Storage:ConnectionString.",
            token => AskStoreAsync(services.GetRequiredService<HistoryDatabase>(), settings.Storage, token));
        yield return new Check($"bus ({settings.Bus.Transport})", "Check Bus:Uri and that RabbitMQ runs.", token => BusCheck.AskAsync(settings.Bus, token));
        foreach (var channel in settings.Channels.Values)
        {
            yield return new Check($"channel {channel.Name} ({channel.Kind})", $"Check Channels:{channel.Name}.", _ => Task.FromResult(roles.HasFlag(Roles.Web)
                ? AskChannel(channel)
                : CheckResult.LeftOut("the worker role tells nobody", "Run releasebot check where a web process runs.")));
        }
    }

    private static CheckResult LeftToWorker(string why) => CheckResult.LeftOut(why, "Run releasebot check where a worker runs.");

    private static async Task<CheckResult> AskGitLabAsync(GitLabClient gitLab, CancellationToken cancellationToken)
    {
        GitLabTokenCheck token;
        try
        {
            token = await gitLab.CheckTokenAsync(cancellationToken);
        }
        catch (GitLabException exception) when (exception.Fault == GitLabFault.Denied)
        {
            return CheckResult.Failed(exception.Message, "Give GitLab:Token a token of this GitLab that has neither expired nor been revoked.");
        }

        var expiry = token.ExpiresAt is { } day ? $", expires {day:yyyy-MM-dd}" : "";
        if (token.Scopes is not { } scopes)
        {
            return CheckResult.Ok($"signed in as {token.Username}{expiry}");
        }

        var finding = $"signed in as {token.Username}, scopes {string.Join(", ", scopes)}{expiry}";
        return scopes.Contains("api") || scopes.Contains("read_api")
            ? CheckResult.Ok(finding)
            : CheckResult.Failed(finding, "Give the token the scope read_api (and read_repository), or api for writing back.");
    }

    private static async Task<CheckResult> AskRegistryAsync(
        ReleaseBotSettings settings, RegistrySettings registry, RegistryClient client, GitLabClient gitLab, CancellationToken cancellationToken)
    {
        // Short of the check's own limit, or a GitLab that does not answer would count as this registry's silence.
        using var limit = new CancellationTokenSource(GitLabLimit, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        string? repository;
        try
        {
            repository = await SampleRepositoryAsync(settings, registry, gitLab, either.Token);
        }
        catch (Exception exception) when (exception is GitLabException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return CheckResult.Doubt("was not asked: GitLab could not name a project that would be pushed here", "Mend GitLab first (see its line), then check again.");
        }

        if (repository is null)
        {
            return CheckResult.Doubt("no project is known that would be pushed here", "Give GitLab:Token access to a project that an entry of Projects matches.");
        }

        await client.CheckPushAsync(repository, cancellationToken);
        try
        {
            // The first page tells.
            await client.ListTagsAsync(repository, cancellationToken).AnyAsync(cancellationToken);
        }
        catch (RegistryException exception) when (exception.Fault == RegistryFault.Denied)
        {
            return CheckResult.Failed(
                $"may push to {repository}, but not list its tags, without which no floating tag moves: {exception.Message}",
                $"Let the user of Registries:{registry.Name} read (pull) as well as write.");
        }

        return CheckResult.Ok($"may push to {repository}");
    }

    /// <summary>A repository that a rule would push to in this registry, of a project that exists.</summary>
    private static async Task<string?> SampleRepositoryAsync(
        ReleaseBotSettings settings, RegistrySettings registry, GitLabClient gitLab, CancellationToken cancellationToken)
    {
        foreach (var rule in settings.Projects)
        {
            var image = rule.Images.FirstOrDefault(image => image.Registry == registry.Name);
            var path = image is null ? null : await SamplePathAsync(settings, rule, gitLab, cancellationToken);
            if (path is not null)
            {
                var facts = new TemplateFacts { Ref = GitRef.Tag("v0.0.0"), Commit = default, CommittedAt = DateTimeOffset.UnixEpoch, ProjectPath = path };
                if (image!.Repository.Expand(facts, out _)?.ToLowerInvariant() is { } name && ImageRepository.IsLegalName(name))
                {
                    return name;
                }
            }
        }

        return null;
    }

    private static async Task<string?> SamplePathAsync(ReleaseBotSettings settings, ProjectRule rule, GitLabClient gitLab, CancellationToken cancellationToken)
    {
        if (rule.Path.IsExact)
        {
            return rule.Path.Pattern;
        }

        var seen = 0;
        await foreach (var project in gitLab.ListProjectsAsync(cancellationToken))
        {
            if (ReleasePlanner.RuleFor(project.Path, settings.Projects) == rule)
            {
                return project.Path;
            }

            if (++seen == ProjectsLookedAt)
            {
                break;
            }
        }

        return null;
    }

    private static async Task<CheckResult> AskEngineAsync(DockerEngine engine, CancellationToken cancellationToken)
    {
        var version = await engine.GetVersionAsync(cancellationToken);
        return CheckResult.Ok($"Docker {version.Version} (API {version.ApiVersion}) on {version.Platform}");
    }

    private static async Task<CheckResult> AskStoreAsync(HistoryDatabase database, StorageSettings storage, CancellationToken cancellationToken)
    {
        var pending = await database.PendingMigrationsAsync(cancellationToken);
        if (pending.Count == 0)
        {
            await database.ProbeWriteAsync(cancellationToken);
            return CheckResult.Ok("can be read and written, and its tables are those of this version");
        }

        if (storage.Provider != StorageProvider.Sqlite)
        {
            return CheckResult.Failed($"{pending.Count} migration(s) are missing", "Run: releasebot migrate");
        }

        return SoleOwner.WhyNotIn(storage) is { } complaint
            ? CheckResult.Failed(complaint, "Make the folder and give it to the service's user, or change Storage:ConnectionString.")
            : CheckResult.Ok($"its folder can be written; serve will apply {pending.Count} migration(s)");
    }

    private static CheckResult AskChannel(ChannelSettings channel)
    {
        var url = new Uri(channel.Url.Reveal());
        return channel.Kind == ChannelKind.Slack && !url.IsLoopback && url.Scheme != Uri.UriSchemeHttps
            ? CheckResult.Failed("Slack's hooks are https", $"Change Channels:{channel.Name}:Url.")
            : CheckResult.Ok("well-formed; nothing was sent");
    }
}
