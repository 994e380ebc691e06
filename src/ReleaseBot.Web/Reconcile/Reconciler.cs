using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>
/// Finds what no hook told of: compares GitLab's protected tags with the history and feeds what is missing into the same path as a hook.
/// The tags that a project has when it is first known are its baseline, which is never published by itself. One process at a time goes
/// through the projects, at GitLab's pace; what it has looked at is written down project by project, so that the next goes on there.
/// </summary>
internal sealed partial class Reconciler(
    GitLabClient gitLab, ProjectCatalog catalog, ReleaseOperations operations, ReconcileRounds rounds, DisabledHooks disabled, ReleaseBotSettings settings,
    TimeProvider time, [FromKeyedServices(WakeUps.Verify)] WakeUp verify, ILoggerFactory loggers)
{
    /// <summary>Projects looked at side by side.</summary>
    private const int AtOnce = 4;
    private const int MaxDisabledHooks = 1000;
    private static readonly TimeSpan ShowInterval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(5);

    private readonly GitLabPace _pace = new(time);
    private readonly string _owner = $"{Environment.MachineName}/{Environment.ProcessId}/{Guid.CreateVersion7(time.GetUtcNow()):N}";
    private readonly ILogger _logger = loggers.CreateLogger<Reconciler>();
    private Parts? _parts;

    /// <summary>Goes through all projects once, however long it takes. Nothing is done while another process is at it.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (await rounds.BeginAsync(_owner, settings.Reconcile.Interval / 2, cancellationToken) is not { } begun)
        {
            return;
        }

        var report = new RoundReport(begun);
        _pace.Begin();
        using var lost = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var showing = ShowAsync(report, lost);
        try
        {
            await GoThroughAsync(report, lost.Token);
        }
        catch (OperationCanceledException) when (lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            report.Cut();
            Log.TakenOver(_logger, report.Number);
        }
        catch (Exception)
        {
            report.Cut();
            throw;
        }
        finally
        {
            await lost.CancelAsync();
            await showing;
            await EndAsync(report, cancellationToken.IsCancellationRequested);
        }
    }

    private async Task GoThroughAsync(RoundReport report, CancellationToken cancellationToken)
    {
        var parts = _parts ??= new Parts(gitLab.At(_pace), catalog, disabled, settings, time, loggers);
        var known = (await catalog.AllAsync(cancellationToken)).ToDictionary(project => project.Id);
        var off = await disabled.AllAsync(MaxDisabledHooks, cancellationToken);
        var withDisabledHook = off.Where(hook => !hook.IsGroup).Select(hook => hook.OwnerId).ToHashSet();
        var options = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(parts.Projects.ReadAsync(known, report, cancellationToken), options, async (project, token) =>
        {
            try
            {
                await ReconcileAsync(parts, project, known.GetValueOrDefault(project.Id), withDisabledHook.Contains(project.Id), report, token);
            }
            catch (GitLabException exception)
            {
                report.Failed(project.Path, exception.Message);
                Log.ProjectFailed(_logger, project.Path, exception.Message);
            }
        });
        await parts.Hooks.LookAtGroupsAsync(off.Where(hook => hook.IsGroup).Select(hook => hook.OwnerId).ToHashSet(), report, cancellationToken);
    }

    private async Task ReconcileAsync(
        Parts parts, GitLabProject project, Project? known, bool hasDisabledHook, RoundReport report, CancellationToken cancellationToken)
    {
        report.Seen();
        // From before GitLab is asked: what comes after it is for the next look.
        var now = time.GetUtcNow();
        var isDue = LookPolicy.IsDue(known, project.LastActivityAt, now);
        if (!isDue && !hasDisabledHook)
        {
            report.Unchanged();
            return;
        }

        var rule = ReleasePlanner.RuleFor(project.Path, settings.Projects)!;
        if (known is null || known.Path != project.Path || known.Url != project.WebUrl.AbsoluteUri)
        {
            known = await catalog.EnsureAsync(project.Id, project.Path, project.WebUrl.AbsoluteUri, cancellationToken);
        }

        var found = 0;
        if (!isDue)
        {
            report.Unchanged();
        }
        else if (known.BaselineAt is null)
        {
            await parts.Baseline.TakeAsync(project, cancellationToken);
            report.Baseline();
        }
        else
        {
            (found, var hasOpenTags) = await FeedAsync(project, rule, await parts.Baseline.TagsAsync(project.Id, cancellationToken), report, cancellationToken);
            // Before the hooks, so that a fault there does not have the tags looked at again.
            await catalog.MarkLookedAtAsync(project.Id, now, LookPolicy.NextLook(project.Id, hasOpenTags, now), cancellationToken);
            report.Looked();
        }

        if (hasDisabledHook || found > 0 || known.NextHooksAt is not { } next || next <= now)
        {
            var maySee = await parts.Hooks.LookAsync(project, rule, report, cancellationToken);
            await catalog.MarkHooksSeenAsync(project.Id, LookPolicy.NextHooks(project.Id, maySee, now), cancellationToken);
        }
    }

    private async Task<(int Found, bool HasOpenTags)> FeedAsync(
        GitLabProject project, ProjectRule rule, IReadOnlyList<GitLabTag> tags, RoundReport report, CancellationToken cancellationToken)
    {
        var candidates = tags.Where(tag => rule.Tags.Any(pattern => pattern.Matches(tag.Name))).Select(tag => (tag.Name, tag.Target.Value)).ToList();
        var open = rule.RequireProtected ? tags.Where(tag => !tag.IsProtected).Select(tag => tag.Name).ToHashSet(StringComparer.Ordinal) : [];
        var (found, hasOpenTags) = (0, false);
        // Oldest first, as their hooks would have come.
        foreach (var (name, target) in (await catalog.UnknownTagsAsync(project.Id, candidates, cancellationToken)).Reverse())
        {
            if (!GitRef.TryCreate(RefKind.Tag, name, out var tag))
            {
                continue;
            }

            if (open.Contains(name))
            {
                // It may be protected yet.
                hasOpenTags = true;
                continue;
            }

            var release = new NewRelease
            {
                ProjectId = project.Id,
                ProjectPath = project.Path,
                ProjectUrl = project.WebUrl.AbsoluteUri,
                Ref = tag,
                Target = ObjectId.Parse(target),
                Trigger = TriggerKind.Reconcile,
            };
            var (id, isNew) = await operations.CreateAsync(release, cancellationToken);
            if (isNew)
            {
                found++;
                report.Missing(project.Path, name, id);
                Log.Missed(_logger, project.Path, name, id);
                verify.Set();
            }
        }

        return (found, hasOpenTags);
    }

    /// <summary>Shows how far the round is, and that we live. Stops the round where another process has begun the next.</summary>
    private async Task ShowAsync(RoundReport report, CancellationTokenSource lost)
    {
        while (!lost.IsCancellationRequested)
        {
            await Task.Delay(ShowInterval, time, lost.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                if (!lost.IsCancellationRequested && !await rounds.ShowAsync(report.Number, Text(report.ToJson(_pace.Cost, null)), lost.Token))
                {
                    await lost.CancelAsync();
                }
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                // The lease runs out, and whoever begins the next round is seen at the next try.
                Log.NotShown(_logger, report.Number, exception.Message);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>Also when the process stops: the next begins at once then.</summary>
    private async Task EndAsync(RoundReport report, bool isStopped)
    {
        using var limit = new CancellationTokenSource(EndLimit, time);
        try
        {
            await rounds.EndAsync(report.Number, Text(report.ToJson(_pace.Cost, time.GetUtcNow())), isStopped, limit.Token);
        }
        catch (Exception exception)
        {
            Log.NotShown(_logger, report.Number, exception.Message);
        }
    }

    private static string Text(RoundJson round) => JsonSerializer.Serialize(round, ApiJson.Default.RoundJson);

    /// <summary>What asks GitLab, all at the same pace.</summary>
    private sealed class Parts(
        GitLabClient paced, ProjectCatalog catalog, DisabledHooks disabled, ReleaseBotSettings settings, TimeProvider time, ILoggerFactory loggers)
    {
        public ProjectList Projects { get; } = new(paced, catalog, settings.Projects, time, loggers.CreateLogger<ProjectList>());

        public TagBaseline Baseline { get; } = new(paced, catalog, time, loggers.CreateLogger<TagBaseline>());

        public HookWatch Hooks { get; } = new(paced, disabled, settings, time, loggers.CreateLogger<HookWatch>());
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "No hook told of {Project} {Ref}; reconciling found it (release {ReleaseId}). See the hook's recent events in GitLab.")]
        public static partial void Missed(ILogger logger, string project, string @ref, Guid releaseId);

        [LoggerMessage(EventId = 3, Level = LogLevel.Warning, Message = "{Project} could not be reconciled: {Message}")]
        public static partial void ProjectFailed(ILogger logger, string project, string message);

        [LoggerMessage(EventId = 4, Level = LogLevel.Warning, Message = "Round {Number} of reconciling was taken over by another process.")]
        public static partial void TakenOver(ILogger logger, long number);

        [LoggerMessage(EventId = 5, Level = LogLevel.Warning, Message = "How far round {Number} of reconciling is could not be written down: {Message}")]
        public static partial void NotShown(ILogger logger, long number, string message);
    }
}
