using System.Runtime.InteropServices;
using System.Text;
using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;
using ReleaseBot.History;
using Shouldly;

namespace ReleaseBot.Integration.History;

/// <summary>One game in a repository of its own, which every registry has.</summary>
internal sealed class TagGame(HistoryHost history, IGameRegistries registries, string[] versions, int[] dice, CancellationToken token)
{
    private static readonly string[] Templates = ["{tag}", "latest", "{major}", "{major}.{minor}"];
    private static int _games;

    private readonly long _project = Interlocked.Increment(ref _games);
    private readonly Dictionary<SemanticVersion, Digest> _digests = [];
    private readonly Dictionary<string, FloatingScope> _scopes = [];
    private readonly Dictionary<ImageRef, int> _lastReleaseMove = [];
    private readonly Dictionary<Guid, int> _wishes = [];
    private readonly HashSet<SemanticVersion> _failing = [];
    private readonly HashSet<SemanticVersion> _published = [];
    private readonly Dictionary<SemanticVersion, Guid> _releases = [];
    private readonly Dictionary<string, TagModel> _models = registries.Hosts.ToDictionary(host => host, _ => new TagModel());
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
                await PushStrayAsync(Image(Any(registries.Hosts, pick), stray));
                break;
            case < 26:
                await WishAsync(pick);
                break;
            case < 31 when _releases.Count > 0:
                await RetractAsync(_releases.Keys.ElementAt(pick % _releases.Count));
                break;
            case < 33 when _releases.Count > 0:
                await RetractStrayAsync(Any(registries.Hosts, pick), pick);
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
            Images = [.. registries.Hosts.Select(host => new ImageRule(host, host, Template.Parse(RepositoryName), [.. Templates.Select(Template.Parse)]))],
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
        if (_published.Count == 0 || _scopes.Count == 0)
        {
            return;
        }

        var (host, version) = (Any(registries.Hosts, pick), Any(_published, pick));
        var image = Image(host, Any(_scopes.Keys, pick));
        var result = await history.Wishes.MoveAsync(image, version.ToString(), "ops", "a reason", token);
        if (_models[host].Retracted.Contains(version))
        {
            result.ShouldBeOfType<WishResult.IsRetracted>(_story.ToString());
            return;
        }

        Tell($"an operator wishes {image} on {version}");
        _wishes[result.ShouldBeOfType<WishResult.Accepted>(_story.ToString()).Changes.ShouldHaveSingleItem().Id] = ++_clock;
    }

    private async Task RetractAsync(SemanticVersion version)
    {
        Tell($"{version} is retracted");
        (await history.Wishes.RetractAsync(_releases[version], "ops", "a reason", token)).ShouldBeOfType<WishResult.Accepted>();
        foreach (var model in _models.Values)
        {
            model.Retracted.Add(version);
        }
    }

    private async Task PushStrayAsync(ImageRef image)
    {
        Tell($"somebody pushed {image}");
        var version = Version(image.Tag);
        await registries.PutAsync(image, DigestOf(version), token);
        _models[image.Repository.Host].Strays.Add(version);
    }

    private async Task RetractStrayAsync(string host, int pick)
    {
        var model = _models[host];
        if (model.Strays.Count == 0)
        {
            return;
        }

        var version = Any(model.Strays, pick);
        var result = await history.Wishes.RetractAsync(Image(host, version.ToString()), "ops", "a reason", token);
        if (result is WishResult.Accepted)
        {
            Tell($"the stray {version} of {host} is left out");
            model.Retracted.Add(version);
        }
    }

    /// <summary>What a worker does with a release: the stages' own calls on the store.</summary>
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
        foreach (var carrier in run.Release.Images.Where(image => image.Kind == ImageTagKind.Version && image.Status != ImageStatus.Pushed))
        {
            await history.Tags.BeginPushAsync(run, carrier, token);
            await registries.PutAsync(carrier.Image, digest, token);
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

            var model = _models[image.Image.Repository.Host];
            var current = await registries.GetAsync(image.Image, token);
            var verdict = await history.Tags.DecideAsync(run, image, version, current, await registries.ListAsync(image.Image.Repository, token), token);
            var isMoved = verdict is FloatingVerdict.Move;
            isMoved.ShouldBe(model.MovesTo(version, image.FloatingScope), $"{version} and {image.Image}: {verdict.Why}\n{_story}");
            yield return true;
            if (verdict is FloatingVerdict.Keep keep)
            {
                if (await history.Tags.RecordKeptAsync(run, image, current, digest, keep, token) == TagVerdict.Adopted)
                {
                    _lastReleaseMove[image.Image] = ++_clock;
                }
            }
            else
            {
                Tell($"{version} moves {image.Image}");
                await registries.PutAsync(image.Image, digest, token);
                model.Tags[image.Tag] = (version, false);
                yield return true;
                await history.Tags.RecordMoveAsync(run, image, current, digest, TagVerdict.Moved, verdict.Why, token);
                _lastReleaseMove[image.Image] = ++_clock;
            }

            yield return true;
            await history.Ledger.RecordImageAsync(run, image.Ordinal, isMoved ? ImageStatus.Pushed : ImageStatus.Kept, isMoved ? digest : current, null, token);
            await history.Tags.UnlockAsync(run, image.Image, token);
            yield return true;
        }

        await history.Ledger.FinishAsync(run, ReleaseStatus.Published, null, [], token);
        Tell($"{version} is published");
        _published.Add(version);
        foreach (var model in _models.Values)
        {
            model.Published.Add(version);
        }

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

        var (change, image) = (claimed.Change, claimed.Change.Image);
        _wishInHand = change.Id;
        yield return true;
        while (!await history.Changes.TryLockAsync(claimed, TimeSpan.FromMinutes(10), token))
        {
            yield return false;
        }

        var model = _models[image.Repository.Host];
        var current = await registries.GetAsync(image, token);
        var decision = await history.Changes.DecideAsync(claimed, current, await registries.ListAsync(image.Repository, token), token);
        var expected = change.Kind == TagChangeKind.Settle ? model.SettlesOn(image.Tag, _scopes[image.Tag]) : TargetOf(change, model);
        yield return true;
        var to = current;
        if (decision is ChangeDecision.Put put)
        {
            to = (Digest.TryParse(put.Source, out var digest) ? digest : await registries.GetAsync(image with { Tag = put.Source }, token)).ShouldNotBeNull(_story.ToString());
            await history.Changes.IntendAsync(claimed, put, to, token);
            yield return true;
            await registries.PutAsync(image, to, token);
            if (change.Kind == TagChangeKind.Move)
            {
                model.Tags[image.Tag] = (Version(change.To!), true);
            }
            else if (expected is not null)
            {
                model.Tags[image.Tag] = (expected, false);
            }

            yield return true;
        }

        Tell($"{change.Kind} of {image}: {decision}");
        await history.Changes.FinishAsync(claimed, decision, current, to, token);
        if (expected is not null && (change.Kind == TagChangeKind.Move || !model.Tags.TryGetValue(image.Tag, out var now) || now.Version != expected))
        {
            model.Tags[image.Tag] = (expected, change.Kind == TagChangeKind.Move);
        }

        await history.Changes.UnlockAsync(claimed, token);
        _wishInHand = default;
    }

    /// <summary>A release that moved the tag after the wish was made overtakes it.</summary>
    private SemanticVersion? TargetOf(TagChange change, TagModel model)
    {
        var version = Version(change.To!);
        return _lastReleaseMove.GetValueOrDefault(change.Image) > _wishes[change.Id] || model.Retracted.Contains(version) ? null : version;
    }

    private async Task JudgeAsync()
    {
        foreach (var (host, model) in _models)
        {
            foreach (var tag in _scopes.Keys)
            {
                var image = Image(host, tag);
                var expected = model.Tags.TryGetValue(tag, out var entry) ? entry.Version : null;
                var digest = expected is null ? null : DigestOf(expected);
                var owner = await history.Queries.TagOwnerAsync(image, token);
                (await registries.GetAsync(image, token)).ShouldBe(digest, $"{image} belongs on {expected?.ToString() ?? "nothing"}\n{_story}");
                (owner?.Version).ShouldBe(expected?.ToString(), $"{image} in the history\n{_story}");
                (owner?.Digest).ShouldBe(digest?.Value, $"{image} in the history\n{_story}");
            }
        }

        (await history.Runs.ClaimAsync("worker", engine: null, TimeSpan.FromMinutes(1), token)).ShouldBeNull(_story.ToString());
    }

    private ImageRef Image(string host, string tag) => new(new ImageRepository(host, RepositoryName), tag);

    /// <summary>What the build of a version makes, wherever it is pushed.</summary>
    private Digest DigestOf(SemanticVersion version)
    {
        ref var digest = ref CollectionsMarshal.GetValueRefOrAddDefault(_digests, version, out _);
        return digest ??= registries.Build($"{_project} {version}");
    }

    private static T Any<T>(IReadOnlyCollection<T> all, int pick) => all.ElementAt(pick % all.Count);

    private static SemanticVersion Version(string text) => SemanticVersion.TryParseTag(text, out var version) ? version : throw new ArgumentException(text);

    private void Tell(string what) => _story.AppendLine(what);
}
