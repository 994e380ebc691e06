using System.Globalization;
using System.Text;
using CsCheck;
using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>
/// Random versions, failures, crashes, moves and retractions by operators, with one worker at releases and one at wishes, step by step in any
/// order, over the real store. When all is done, every floating tag is where the model has it. RELEASEBOT_RUNS has more of it than CI does.
/// </summary>
public abstract class TagModelTests(IDatabases databases, int runs) : HistoryTest(databases)
{
    private static readonly string[] Versions =
    [
        "0.1.0", "0.2.0", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.1.0", "1.1.1-beta", "1.2.0", "2.0.0-alpha", "2.0.0", "2.0.1", "2.1.0", "10.0.0",
    ];

    private static int Runs(int fallback) =>
        int.TryParse(Environment.GetEnvironmentVariable("RELEASEBOT_RUNS"), CultureInfo.InvariantCulture, out var runs) ? runs : fallback;

    [Fact]
    public Task Floating_Tags_End_Where_The_Model_Has_Them() =>
        Gen.Select(Gen.Shuffle(Versions), Gen.Int[0, 999].Array[10, 120]).SampleAsync(
            async (versions, dice) => await new TagModelRun(History, versions, dice, Token).PlayAsync(), iter: Runs(runs), threads: 1,
            print: sample => $"{string.Join(' ', sample.Item1)} | {string.Join(' ', sample.Item2)}");
}

public sealed class TagModelOnSqlite() : TagModelTests(SqliteDatabases.InMemory, 200);

public sealed class TagModelOnPostgres(PostgresServer server) : TagModelTests(new PostgresDatabases(server), 20);

/// <summary>One game in a repository of its own.</summary>
internal sealed class TagModelRun(HistoryHost history, string[] versions, int[] dice, CancellationToken token)
{
    private const string Host = "registry.example";
    private static readonly string[] Templates = ["{tag}", "latest", "{major}", "{major}.{minor}"];
    private static int _games;

    private readonly long _project = Interlocked.Increment(ref _games);
    private readonly Dictionary<string, Digest> _registry = [];
    private readonly Dictionary<string, FloatingScope> _scopes = [];
    private readonly Dictionary<string, int> _lastReleaseMove = [];
    private readonly Dictionary<Guid, int> _wishes = [];
    private readonly HashSet<SemanticVersion> _failing = [];
    private readonly Dictionary<SemanticVersion, Guid> _releases = [];
    private readonly TagModel _model = new();
    private readonly StringBuilder _story = new();
    private int _clock;
    private Guid _releaseInHand;
    private Guid _wishInHand;

    private string RepositoryName => $"game/app-{_project}";

    public async Task PlayAsync()
    {
        Queue<string> coming = new(versions);
        var hands = new IAsyncEnumerator<bool>?[2];
        foreach (var roll in dice)
        {
            await TurnAsync(roll % 100, roll / 100, coming, hands);
        }

        // From here on nobody crashes and nobody wishes: what is under way comes to its end.
        for (var idle = 0; idle < 4;)
        {
            idle = await StepAsync(hands, 0) | await StepAsync(hands, 1) ? 0 : idle + 1;
        }

        await JudgeAsync();
    }

    private async Task TurnAsync(int roll, int pick, Queue<string> coming, IAsyncEnumerator<bool>?[] hands)
    {
        switch (roll)
        {
            case < 14 when coming.TryDequeue(out var version):
                await PushAsync(Version(version), fails: pick == 0);
                break;
            case < 18 when coming.TryDequeue(out var stray):
                Tell($"somebody pushed {stray}");
                _registry[stray] = DigestOf(Version(stray));
                _model.Strays.Add(Version(stray));
                break;
            case < 26:
                await WishAsync(pick);
                break;
            case < 31 when _releases.Count > 0:
                await RetractAsync(_releases.Keys.ElementAt(pick % _releases.Count));
                break;
            case < 33 when _model.Strays.Count > 0 && _releases.Count > 0:
                await RetractStrayAsync(_model.Strays.ElementAt(pick % _model.Strays.Count));
                break;
            case < 38:
                await CrashAsync(hands, pick % 2);
                break;
            default:
                await StepAsync(hands, roll % 3 == 0 ? 1 : 0);
                break;
        }
    }

    /// <returns>Whether something was done.</returns>
    private async Task<bool> StepAsync(IAsyncEnumerator<bool>?[] hands, int hand)
    {
        hands[hand] ??= (hand == 0 ? ReleaseAsync() : CarryOutAsync()).GetAsyncEnumerator(token);
        if (await hands[hand]!.MoveNextAsync())
        {
            return hands[hand]!.Current;
        }

        hands[hand] = null;
        return false;
    }

    /// <summary>kill -9, and the time until what it held is free.</summary>
    private async Task CrashAsync(IAsyncEnumerator<bool>?[] hands, int hand)
    {
        var held = hand == 0 ? _releaseInHand : _wishInHand;
        if (hands[hand] is null || held == default)
        {
            return;
        }

        Tell(hand == 0 ? "the release's worker was killed" : "the wish's worker was killed");
        hands[hand] = null;
        if (hand == 0)
        {
            _releaseInHand = default;
        }
        else
        {
            _wishInHand = default;
        }

        var past = DateTimeOffset.UnixEpoch;
        await history.Database.WriteAsync(
            async (context, stop) =>
            {
                await context.Releases.Where(row => row.Id == held && row.LeaseUntil != null).ExecuteUpdateAsync(row => row.SetProperty(r => r.LeaseUntil, past), stop);
                await context.TagChanges.Where(row => row.Id == held && row.LeaseUntil != null).ExecuteUpdateAsync(row => row.SetProperty(r => r.LeaseUntil, past), stop);
                return await context.ResourceLocks.Where(row => row.ReleaseId == held).ExecuteUpdateAsync(row => row.SetProperty(r => r.Until, past), stop);
            },
            token);
    }

    /// <summary>A release is queued, as the verifier does it.</summary>
    private async Task PushAsync(SemanticVersion version, bool fails)
    {
        Tell($"{version} is queued{(fails ? ", and will fail" : "")}");
        var rule = new ProjectRule
        {
            Path = new ProjectPathPattern("**"),
            Images = [new ImageRule("main", Host, Template.Parse(RepositoryName), [.. Templates.Select(Template.Parse)])],
        };
        var commit = ObjectId.Parse(Convert.ToHexStringLower(System.Security.Cryptography.SHA1.HashData(Encoding.UTF8.GetBytes($"{_project} {version}"))));
        var plan = ReleasePlanner.Plan(rule, RepositoryName, GitRef.Tag($"v{version}"), commit, DateTimeOffset.UnixEpoch).ShouldBeOfType<PlanResult.Planned>().Plan;
        var now = DateTimeOffset.UnixEpoch;
        var release = new Release
        {
            Id = Guid.CreateVersion7(TimeProvider.System.GetUtcNow()),
            Key = $"{_project}:{version}",
            ProjectId = _project,
            ProjectPath = RepositoryName,
            RefKind = RefKind.Tag,
            RefName = $"v{version}",
            Target = commit.Value,
            Commit = commit.Value,
            Version = version.ToString(),
            TriggerKind = TriggerKind.Webhook,
            Status = ReleaseStatus.Queued,
            NotBefore = now,
            CreatedAt = now,
        };
        foreach (var floating in plan.Images.Where(image => image.Kind == ImageTagKind.Floating))
        {
            _scopes[floating.Image.Tag] = floating.Scope!;
        }

        await history.Database.WriteAsync(
            (context, stop) =>
            {
                context.Releases.Add(release);
                context.ReleaseImages.AddRange(plan.Images.Select((image, ordinal) => ReleaseImage.Of(release.Id, ordinal, image)));
                return context.SaveChangesAsync(stop);
            },
            token);
        _releases[version] = release.Id;
        if (fails)
        {
            _failing.Add(version);
        }
    }

    private async Task WishAsync(int pick)
    {
        if (_model.Published.Count == 0 || _scopes.Count == 0)
        {
            return;
        }

        var (tag, version) = (_scopes.Keys.ElementAt(pick % _scopes.Count), _model.Published.ElementAt(pick % _model.Published.Count));
        var result = await history.Wishes.MoveAsync(Image(tag), version.ToString(), "ops", "a reason", token);
        if (_model.Retracted.Contains(version))
        {
            result.ShouldBeOfType<WishResult.IsRetracted>(_story.ToString());
            return;
        }

        Tell($"an operator wishes {tag} on {version}");
        _wishes[result.ShouldBeOfType<WishResult.Accepted>(_story.ToString()).Changes.ShouldHaveSingleItem().Id] = ++_clock;
    }

    private async Task RetractAsync(SemanticVersion version)
    {
        Tell($"{version} is retracted");
        (await history.Wishes.RetractAsync(_releases[version], "ops", "a reason", token)).ShouldBeOfType<WishResult.Accepted>();
        _model.Retracted.Add(version);
    }

    private async Task RetractStrayAsync(SemanticVersion version)
    {
        var result = await history.Wishes.RetractAsync(Image(version.ToString()), "ops", "a reason", token);
        if (result is WishResult.Accepted)
        {
            Tell($"the stray {version} is left out");
            _model.Retracted.Add(version);
        }
    }

    /// <summary>What a worker does with a release: the stages' own calls on the store, and a registry that is a dictionary.</summary>
    private async IAsyncEnumerable<bool> ReleaseAsync()
    {
        if (await history.Runs.ClaimAsync("worker", engine: null, TimeSpan.FromMinutes(10), token) is not { } run)
        {
            yield return false;
            yield break;
        }

        _releaseInHand = run.Release.Id;
        var version = Version(run.Release.Version!);
        var digest = DigestOf(version);
        await history.Tags.ReserveAsync(run, OverwritePolicy.Refuse, token);
        yield return true;
        var carrier = run.Release.Images.Single(image => image.Kind == ImageTagKind.Version);
        if (carrier.Status != ImageStatus.Pushed)
        {
            _registry[carrier.Tag] = digest;
            yield return true;
            await history.Tags.RecordMoveAsync(run, carrier, null, digest, TagVerdict.Created, "the tag was free", token);
            await history.Ledger.RecordImageAsync(run, carrier.Ordinal, ImageStatus.Pushed, digest, null, token);
            yield return true;
        }

        if (_failing.Contains(version))
        {
            Tell($"{version} failed");
            await history.Ledger.FinishAsync(run, ReleaseStatus.Failed, new Reason(ReasonCode.PushFailed, "no"), [], token);
            _releaseInHand = default;
            yield break;
        }

        foreach (var image in run.Release.Images.Where(image => image.Kind == ImageTagKind.Floating && image.Status == ImageStatus.Pending))
        {
            while (!await history.Tags.TryLockAsync(run, image.Image, TimeSpan.FromMinutes(10), token))
            {
                yield return false;
            }

            var current = _registry.GetValueOrDefault(image.Tag);
            var verdict = await history.Tags.DecideAsync(run, image, version, current, _registry.Keys, token);
            var isMoved = verdict is FloatingVerdict.Move;
            isMoved.ShouldBe(_model.MovesTo(version, image.FloatingScope), $"{version} and {image.Tag}: {verdict.Why}\n{_story}");
            yield return true;
            if (verdict is FloatingVerdict.Keep keep)
            {
                if (await history.Tags.RecordKeptAsync(run, image, current, digest, keep, token) == TagVerdict.Adopted)
                {
                    _lastReleaseMove[image.Tag] = ++_clock;
                }
            }
            else
            {
                Tell($"{version} moves {image.Tag}");
                (_registry[image.Tag], _model.Tags[image.Tag]) = (digest, (version, false));
                yield return true;
                await history.Tags.RecordMoveAsync(run, image, current, digest, TagVerdict.Moved, verdict.Why, token);
                _lastReleaseMove[image.Tag] = ++_clock;
            }

            yield return true;
            await history.Ledger.RecordImageAsync(run, image.Ordinal, isMoved ? ImageStatus.Pushed : ImageStatus.Kept, isMoved ? digest : current, null, token);
            await history.Tags.UnlockAsync(run, image.Image, token);
            yield return true;
        }

        await history.Ledger.FinishAsync(run, ReleaseStatus.Published, null, [], token);
        Tell($"{version} is published");
        _model.Published.Add(version);
        _releaseInHand = default;
    }

    /// <summary>What a worker does with a wish.</summary>
    private async IAsyncEnumerable<bool> CarryOutAsync()
    {
        if (await history.Changes.ClaimAsync(TimeSpan.FromMinutes(10), token) is not { } claimed)
        {
            yield return false;
            yield break;
        }

        var (change, tag) = (claimed.Change, claimed.Change.Tag);
        _wishInHand = change.Id;
        yield return true;
        while (!await history.Changes.TryLockAsync(claimed, TimeSpan.FromMinutes(10), token))
        {
            yield return false;
        }

        var current = _registry.GetValueOrDefault(tag);
        var decision = await history.Changes.DecideAsync(claimed, current, [.. _registry.Keys], token);
        var expected = change.Kind == TagChangeKind.Settle ? _model.SettlesOn(tag, _scopes[tag]) : TargetOf(change);
        yield return true;
        var to = current;
        if (decision is ChangeDecision.Put put)
        {
            to = Digest.TryParse(put.Source, out var digest) ? digest : _registry[put.Source];
            await history.Changes.IntendAsync(claimed, put, to, token);
            yield return true;
            _registry[tag] = to;
            if (change.Kind == TagChangeKind.Move)
            {
                _model.Tags[tag] = (Version(change.To!), true);
            }
            else if (expected is not null)
            {
                _model.Tags[tag] = (expected, false);
            }

            yield return true;
        }

        Tell($"{change.Kind} of {tag}: {decision}");
        await history.Changes.FinishAsync(claimed, decision, current, to, token);
        if (expected is not null && (change.Kind == TagChangeKind.Move || !_model.Tags.TryGetValue(tag, out var now) || now.Version != expected))
        {
            _model.Tags[tag] = (expected, change.Kind == TagChangeKind.Move);
        }

        await history.Changes.UnlockAsync(claimed, token);
        _wishInHand = default;
    }

    /// <summary>A release that moved the tag after the wish was made overtakes it.</summary>
    private SemanticVersion? TargetOf(TagChange change)
    {
        var version = Version(change.To!);
        return _lastReleaseMove.GetValueOrDefault(change.Tag) > _wishes[change.Id] || _model.Retracted.Contains(version) ? null : version;
    }

    private async Task JudgeAsync()
    {
        foreach (var tag in _scopes.Keys)
        {
            var expected = _model.Tags.TryGetValue(tag, out var entry) ? entry.Version : null;
            var owner = await history.Queries.TagOwnerAsync(Image(tag), token);
            _registry.GetValueOrDefault(tag).ShouldBe(expected is null ? null : DigestOf(expected), $"{tag} belongs on {expected?.ToString() ?? "nothing"}\n{_story}");
            owner?.Version.ShouldBe(expected?.ToString(), $"{tag} in the history\n{_story}");
            owner?.Digest.ShouldBe(expected is null ? null : DigestOf(expected).Value, $"{tag} in the history\n{_story}");
        }

        (await history.Runs.ClaimAsync("worker", engine: null, TimeSpan.FromMinutes(1), token)).ShouldBeNull(_story.ToString());
    }

    private ImageRef Image(string tag) => new(new ImageRepository(Host, RepositoryName), tag);

    private Digest DigestOf(SemanticVersion version) => Digest.Of(Encoding.UTF8.GetBytes($"{_project} {version}"));

    private static SemanticVersion Version(string text) => SemanticVersion.TryParseTag(text, out var version) ? version : throw new ArgumentException(text);

    private void Tell(string what) => _story.AppendLine(what);
}
