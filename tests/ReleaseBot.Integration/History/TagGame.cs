using System.Text;
using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Registries;
using Shouldly;

namespace ReleaseBot.Integration.History;

/// <summary>One game in a repository of its own, which every registry has. The dice say what happens, and which worker goes on, by how many calls.</summary>
internal sealed class TagGame(
    HistoryHost history, IGameRegistries registries, IReadOnlyList<GameWorker> workers, string[] versions, int[] dice, CancellationToken token)
{
    private static readonly string[] Templates = ["{tag}", "latest", "{major}", "{major}.{minor}"];
    private static readonly int[] Bursts = [1, 1, 2, 3, 5, 8, 13, 21, 34, 55];
    private static int _games;

    private readonly long _project = Interlocked.Increment(ref _games);
    private readonly Dictionary<SemanticVersion, RegistryManifest> _manifests = [];
    private readonly Dictionary<Digest, SemanticVersion> _versions = [];
    private readonly Dictionary<SemanticVersion, GameFailure> _failures = [];
    private readonly HashSet<SemanticVersion> _published = [];
    private readonly Dictionary<SemanticVersion, (Guid Id, ReleasePlan Plan)> _releases = [];
    private readonly Dictionary<string, (int Requests, GameTrouble Kind)> _troubles = [];
    private readonly Dictionary<ImageRef, Digest> _late = [];
    private readonly HashSet<ImageRef> _lateVersions = [];
    private readonly HashSet<SemanticVersion> _canceled = [];
    private readonly StringBuilder _story = new();
    private TagReferee? _referee;
    private int _ended;

    public IGameRegistries Registries => registries;

    public TagReferee Referee => _referee ??= new TagReferee(registries.Hosts, _story);

    public string Story => _story.ToString();

    public ProjectRule Rule => new()
    {
        Path = new ProjectPathPattern("**"),
        Images = [.. registries.Hosts.Select(host => new ImageRule(host, host, Template.Parse(RepositoryName), [.. Templates.Select(Template.Parse)]))],
    };

    private string RepositoryName => $"game/app-{_project}";

    public async Task PlayAsync()
    {
        try
        {
            foreach (var worker in workers)
            {
                worker.Enter(this);
            }

            Queue<string> coming = new(versions);
            foreach (var roll in dice)
            {
                await TickAsync();
                await TurnAsync(roll % 100, roll / 100, coming);
            }

            await SettleAsync();
            await PutBackAsync();
            await JudgeAsync();
        }
        finally
        {
            foreach (var worker in workers)
            {
                await worker.LeaveAsync();
            }

            await AbandonAsync();
        }
    }

    public ReleasePlan PlanOf(SemanticVersion version) => _releases[version].Plan;

    public GameFailure Fails(SemanticVersion version) => _failures.GetValueOrDefault(version);

    /// <summary>What the build of a version makes, wherever it is pushed.</summary>
    public RegistryManifest ManifestOf(SemanticVersion version)
    {
        if (!_manifests.TryGetValue(version, out var manifest))
        {
            manifest = registries.Build($"{_project} {version}");
            _manifests[version] = manifest;
            _versions[manifest.Digest] = version;
        }

        return manifest;
    }

    public void Tell(string what) => _story.AppendLine(what);

    public void Published(GameWorker worker, SemanticVersion version)
    {
        Tell($"{worker}: {version} is published");
        _published.Add(version);
        Referee.Changed(model => model.Published.Add(version));
    }

    public GameTrouble TakeTrouble(string host)
    {
        if (_troubles.GetValueOrDefault(host) is not ( > 0 and var requests, var kind))
        {
            return GameTrouble.None;
        }

        _troubles[host] = (requests - 1, kind);
        return kind;
    }

    /// <summary>A worker's request is about to reach a registry.</summary>
    public async Task SeeAsync(GameWorker worker, HttpRequestMessage request)
    {
        if (GamePath.Of(request) is not { Reference: { } reference } || !ImageTag.IsLegal(reference))
        {
            return;
        }

        var image = Image(request.RequestUri!.Authority, reference);
        if (SemanticVersion.TryParseTag(reference, out _))
        {
            if (request.Method == HttpMethod.Put)
            {
                SeeVersion(worker, image);
            }
        }
        else if (request.Method == HttpMethod.Head || request.Method == HttpMethod.Get)
        {
            Referee.Looked(worker, image);
        }
        else if (request.Method == HttpMethod.Put)
        {
            var digest = Digest.Of(await request.Content!.ReadAsByteArrayAsync(token));
            var isLate = worker.IsLate && !await HoldsAsync(worker.Work!, image);
            Tell($"{worker}: puts {image.Tag} on {_versions[digest]}{(isLate ? ", late" : "")}");
            _late.Remove(image);
            if (isLate)
            {
                _late[image] = digest;
            }

            Referee.Put(image, _versions[digest]);
        }
    }

    /// <summary>A worker is about to put a version tag. A sleeper's may come after its release has ended.</summary>
    public void SeeVersion(GameWorker worker, ImageRef image)
    {
        if (worker.IsLate)
        {
            _lateVersions.Add(image);
        }
    }

    /// <summary>
    /// What a canceled release says of its floating tags is so. One that could not be asked is a put like a sleeper's: nobody has written it down, and whoever compares the
    /// tag with the history puts it back.
    /// </summary>
    public async Task CanceledAsync(Guid id, SemanticVersion version)
    {
        var release = (await history.Queries.ReleaseAsync(id, token)).ShouldNotBeNull();
        foreach (var image in release.Images.Where(image => image is { Kind: ImageTagKind.Floating, Status: ImageStatus.Pending }))
        {
            if (await registries.GetAsync(image.Image, token) == ManifestOf(version).Digest && !_late.ContainsKey(image.Image))
            {
                image.ReasonCode.ShouldBe(ReasonCode.RegistryUnavailable, $"{image.Image} is on {version}, and its canceled release does not know of it\n{_story}");
                _late[image.Image] = ManifestOf(version).Digest;
            }
        }
    }

    private async Task TurnAsync(int what, int pick, Queue<string> coming)
    {
        switch (what)
        {
            case < 11 when coming.TryDequeue(out var version):
                await PushAsync(GameWorker.Version(version), pick switch { < 8 => GameFailure.InThePush, < 14 => GameFailure.AfterTheTags, _ => GameFailure.None });
                break;
            case < 13 when coming.TryDequeue(out var stray):
                await PushStrayAsync(Any(registries.Hosts, pick), GameWorker.Version(stray));
                break;
            case < 19:
                await WishAsync(pick);
                break;
            case < 23 when _releases.Count > 0:
                await RetractAsync(_releases.Keys.ElementAt(pick % _releases.Count));
                break;
            case < 25 when _releases.Count > 0:
                await RetractStrayAsync(Any(registries.Hosts, pick), pick);
                break;
            case < 29:
                await KillAsync(workers[pick % workers.Count]);
                break;
            case < 35:
                await SleepAsync(workers[pick % workers.Count], isTakenOver: pick / workers.Count % 2 == 0);
                break;
            case < 38:
                Wake(pick);
                break;
            case < 41:
                BeginTrouble(Any(registries.Hosts, pick), 1 + pick / 10, pick % 3 == 0 ? GameTrouble.AnswerLost : GameTrouble.Away);
                break;
            case < 44:
                await EndWaitsAsync();
                break;
            case < 48 when _releases.Count > 0:
                await CancelAsync(_releases.Keys.ElementAt(pick % _releases.Count), pick);
                break;
            case < 51 when _releases.Count > 0:
                await RetryAsync(_releases.Keys.ElementAt(pick % _releases.Count));
                break;
            default:
                await StepAsync(workers[pick % workers.Count], Bursts[what % Bursts.Length], pick);
                break;
        }
    }

    private async Task StepAsync(GameWorker worker, int calls, int pick)
    {
        for (var call = 0; call < calls && !worker.IsAsleep; call++)
        {
            var work = worker.Work;
            await worker.StepAsync(pick, token);
            Referee.ThrowIfWrong();
            if (worker is { Work: null, IsLate: true })
            {
                // What it no longer worked on for want of a lock is still its own until the lease runs out.
                await ExpireAsync(work, isTakenOver: true);
            }

            if (worker.IsIdle)
            {
                worker.Saw = _ended;
                break;
            }

            _ended += worker.Work is null ? 1 : 0;
        }
    }

    /// <summary>kill -9, and the time until what it held is free.</summary>
    private async Task KillAsync(GameWorker worker)
    {
        if (worker.StandsBefore is not { } call || worker.IsAsleep)
        {
            return;
        }

        Tell($"{worker} is killed before {call}");
        var work = worker.Work;
        await worker.KillAsync();
        await ExpireAsync(work, isTakenOver: true);
    }

    /// <summary>A worker stands still until its locks have run out. Another of its kind goes on.</summary>
    /// <param name="isTakenOver">Whether somebody is free for what it has in hand; else it may find it to be its own still.</param>
    private async Task SleepAsync(GameWorker worker, bool isTakenOver)
    {
        if (worker.Work is { } work && worker.StandsBefore is { } call && !worker.IsAsleep && workers.Count(other => other.IsForReleases == worker.IsForReleases && !other.IsAsleep) > 1)
        {
            Tell($"{worker} falls asleep before {call}");
            (worker.IsAsleep, worker.IsLate) = (true, true);
            await ExpireAsync(work, isTakenOver);
        }
    }

    private bool Wake(int pick)
    {
        var asleep = workers.Where(worker => worker.IsAsleep).ToList();
        if (asleep.Count == 0)
        {
            return false;
        }

        var worker = Any(asleep, pick);
        Tell($"{worker} wakes up before {worker.StandsBefore}");
        worker.IsAsleep = false;
        _ended++;
        return true;
    }

    private void BeginTrouble(string host, int requests, GameTrouble kind)
    {
        Tell($"{host}: {kind} for {requests} requests");
        _troubles[host] = (requests, kind);
    }

    /// <summary>A release is queued, as the verifier does it.</summary>
    private async Task PushAsync(SemanticVersion version, GameFailure failure)
    {
        Tell($"{version} is queued{(failure == GameFailure.None ? "" : $", and will fail: {failure}")}");
        var commit = ObjectId.Parse(Convert.ToHexStringLower(System.Security.Cryptography.SHA1.HashData(Encoding.UTF8.GetBytes($"{_project} {version}"))));
        var plan = ReleasePlanner.Plan(Rule, RepositoryName, GitRef.Tag($"v{version}"), commit, DateTimeOffset.UnixEpoch).ShouldBeOfType<PlanResult.Planned>().Plan;
        plan.Images.Where(image => image.Kind == ImageTagKind.Floating).Select(image => image.Image.Tag).Distinct().Order()
            .ShouldBe(TagModel.TagsOf(version).Order(), $"the plan of {version}");
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
        await history.Database.WriteAsync(
            (context, stop) =>
            {
                context.Releases.Add(release);
                context.ReleaseImages.AddRange(plan.Images.Select((image, ordinal) => ReleaseImage.Of(release.Id, ordinal, image)));
                return context.SaveChangesAsync(stop);
            },
            token);
        _releases[version] = (release.Id, plan);
        _failures[version] = failure;
    }

    /// <summary>The worker that has the release in hand hears of it at once, or by what it is about to begin.</summary>
    private async Task CancelAsync(SemanticVersion version, int pick)
    {
        var id = _releases[version].Id;
        if (await history.Operations.CancelAsync(id, "ops", token) != OperationOutcome.Done)
        {
            return;
        }

        Tell($"{version} is to be canceled");
        _canceled.Add(version);
        _ended++;
        if (pick / 100 % 2 == 0 && workers.FirstOrDefault(worker => worker is { IsAsleep: false, IsLate: false } && worker.Work?.Id == id) is { } runs)
        {
            runs.HearOfCancel();
        }
    }

    /// <summary>What failed or was canceled is tried again, and fails no more.</summary>
    private async Task RetryAsync(SemanticVersion version)
    {
        if (await history.Operations.RetryAsync(_releases[version].Id, token) != OperationOutcome.Done)
        {
            return;
        }

        Tell($"{version} is tried again");
        _canceled.Remove(version);
        _failures.Remove(version);
        _ended++;
        var job = (await history.Verification.ClaimAsync("web", TimeSpan.FromMinutes(1), token)).ShouldNotBeNull(Story);
        job.ReleaseId.ShouldBe(_releases[version].Id, Story);
        var verified = new VerifiedRelease
        {
            ProjectPath = job.ProjectPath,
            Ref = new VerifiedRef(job.Target, job.Target, DateTimeOffset.UnixEpoch, IsProtected: true),
            Plan = PlanOf(version),
            Overwrite = OverwritePolicy.Refuse,
            Tellings = [],
        };
        (await history.Verification.QueueAsync(job, verified, token)).ShouldBeNull(Story);
    }

    private async Task WishAsync(int pick)
    {
        if (_published.Count == 0)
        {
            return;
        }

        var (host, version) = (Any(registries.Hosts, pick), Any(_published, pick));
        var image = Image(host, Any(FloatingTags, pick));
        var result = await history.Wishes.MoveAsync(image, version.ToString(), "ops", "a reason", token);
        if (Referee.Models[host].Retracted.Contains(version))
        {
            result.ShouldBeOfType<WishResult.IsRetracted>(Story);
            return;
        }

        Tell($"an operator wishes {image} on {version}");
        Referee.Wished(result.ShouldBeOfType<WishResult.Accepted>(Story).Changes.ShouldHaveSingleItem(), version);
        await TickAsync();
    }

    private async Task RetractAsync(SemanticVersion version)
    {
        var result = await history.Wishes.RetractAsync(_releases[version].Id, "ops", "a reason", token);
        if (_canceled.Contains(version) && result is WishResult.NothingToRetract)
        {
            return;
        }

        Tell($"{version} is retracted");
        result.ShouldBeOfType<WishResult.Accepted>(Story);
        Referee.Changed(model => model.Retracted.Add(version));
    }

    private async Task PushStrayAsync(string host, SemanticVersion version)
    {
        Tell($"somebody pushed {version} to {host}");
        await registries.PushAsync(Image(host, version.ToString()), ManifestOf(version).Digest, token);
        Referee.Changed(model => model.Strays.Add(version), host);
    }

    private async Task RetractStrayAsync(string host, int pick)
    {
        var strays = Referee.Models[host].Strays;
        if (strays.Count == 0)
        {
            return;
        }

        var version = Any(strays, pick);
        if (await history.Wishes.RetractAsync(Image(host, version.ToString()), "ops", "a reason", token) is WishResult.Accepted)
        {
            Tell($"the stray {version} of {host} is left out");
            Referee.Changed(model => model.Retracted.Add(version), host);
        }
    }

    /// <summary>Nobody is killed, falls asleep or wishes any more: what is under way comes to its end, and sleepers wake up one after the other.</summary>
    private async Task SettleAsync()
    {
        _troubles.Clear();
        _ended++;
        for (var round = 0; ; round++)
        {
            round.ShouldBeLessThan(10_000, $"it does not settle\n{_story}");
            await TickAsync();
            if (workers.All(worker => worker.IsAsleep || worker.IsIdle && worker.Saw == _ended) && await EndWaitsAsync() == 0 && !Wake(dice[0]))
            {
                return;
            }

            // Who found nothing looks again when somebody else has ended something, and so may have left something.
            foreach (var worker in workers.Where(worker => !worker.IsIdle || worker.Saw != _ended))
            {
                await StepAsync(worker, 7, round);
            }
        }
    }

    /// <summary>A late put is found by the drift check, whose next look comes as soon as the game wants.</summary>
    private async Task PutBackAsync()
    {
        foreach (var image in _late.Keys.ToList())
        {
            var (host, name, tag, past) = (image.Repository.Host, image.Repository.Name, image.Tag, DateTimeOffset.UnixEpoch);
            await history.Database.WriteAsync(
                (context, stop) => context.TagOwners.Where(owner => owner.Host == host && owner.Repository == name && owner.Tag == tag && owner.NextCheckAt != null)
                    .ExecuteUpdateAsync(owner => owner.SetProperty(row => row.NextCheckAt, past), stop),
                token);
        }

        if (_late.Count > 0)
        {
            await workers[0].CheckDriftAsync(token);
            await SettleAsync();
        }
    }

    private async Task JudgeAsync()
    {
        foreach (var (host, model) in Referee.Models)
        {
            foreach (var image in FloatingTags.Select(tag => Image(host, tag)))
            {
                var expected = model.Tags.TryGetValue(image.Tag, out var entry) ? entry.Version : null;
                var digest = expected is null ? null : ManifestOf(expected).Digest;
                var owner = await history.Queries.TagOwnerAsync(image, token);
                (owner?.Version).ShouldBe(expected?.ToString(), $"{image} in the history\n{_story}");
                (owner?.Digest).ShouldBe(digest?.Value, $"{image} in the history\n{_story}");
                var found = await registries.GetAsync(image, token);
                if (expected is null && found is not null && _late.GetValueOrDefault(image) == found && model.SettlesOn(image.Tag) is null)
                {
                    // A sleeper made the tag after its version was retracted or canceled, and there is nothing else that it could stand on. No registry takes a
                    // name back without the image, and a retraction leaves a tag there too where nothing else is left.
                    model.Retracted.Concat(_canceled).ShouldContain(_versions[found], $"{image} was made late\n{_story}");
                    continue;
                }

                found.ShouldBe(digest, $"{image} belongs on {expected?.ToString() ?? "nothing"}, and is on {(found is null ? "nothing" : _versions[found])}\n{_story}");
            }
        }

        foreach (var (version, (id, _)) in _releases)
        {
            var release = (await history.Queries.ReleaseAsync(id, token)).ShouldNotBeNull();
            var end = Fails(version) == GameFailure.None ? ReleaseStatus.Published : ReleaseStatus.Failed;
            if (release.Status != ReleaseStatus.Canceled || !_canceled.Contains(version))
            {
                // What ended before it heard of the cancel ended well, or as it had to.
                release.Status.ShouldBe(end, $"{version}\n{_story}");
            }

            if (release.Status == ReleaseStatus.Published)
            {
                release.Images.ShouldAllBe(image => image.Status == ImageStatus.Pushed || image.Status == ImageStatus.Kept, $"{version}\n{_story}");
            }

            await JudgeImagesAsync(release, ManifestOf(version).Digest);
        }

        (await PendingAsync()).ShouldBe(0, $"wishes are left\n{_story}");
    }

    /// <summary>Whatever became of a release, what it says of its versions is so, but for what a sleeper put when it had ended, and what it says that it does not know.</summary>
    private async Task JudgeImagesAsync(Release release, Digest own)
    {
        foreach (var image in release.Images.Where(image => image.Kind == ImageTagKind.Version && !_lateVersions.Contains(image.Image) && image.ReasonCode != ReasonCode.RegistryUnavailable))
        {
            var isThere = await registries.GetAsync(image.Image, token) == own;
            isThere.ShouldBe(image.Status == ImageStatus.Pushed, $"{image.Image} of the {release.Status.ToText()} {release.RefName}\n{_story}");
        }
    }

    private Task<int> PendingAsync() =>
        history.Database.ReadAsync(
            (context, stop) => context.TagChanges.CountAsync(change => change.Repository == RepositoryName && change.Status == TagChangeStatus.Pending, stop), token);

    /// <summary>What a worker held is free.</summary>
    private async Task ExpireAsync(GameWork? work, bool isTakenOver)
    {
        if (work is null)
        {
            return;
        }

        _ended++;
        var (id, fence, past) = (work.Id, work.Fence, DateTimeOffset.UnixEpoch);
        await history.Database.WriteAsync(
            async (context, stop) =>
            {
                if (isTakenOver)
                {
                    await context.Releases.Where(row => row.Id == id && row.Fence == fence && row.LeaseUntil != null)
                        .ExecuteUpdateAsync(row => row.SetProperty(release => release.LeaseUntil, past), stop);
                    await context.TagChanges.Where(row => row.Id == id && row.Fence == fence && row.LeaseUntil != null)
                        .ExecuteUpdateAsync(row => row.SetProperty(change => change.LeaseUntil, past), stop);
                }

                return await context.ResourceLocks.Where(row => row.ReleaseId == id && row.Fence == fence)
                    .ExecuteUpdateAsync(row => row.SetProperty(held => held.Until, past), stop);
            },
            token);
    }

    private Task<bool> HoldsAsync(GameWork work, ImageRef image)
    {
        var (resource, id, fence, past) = ($"tag:{image}", work.Id, work.Fence, DateTimeOffset.UnixEpoch);
        return history.Database.ReadAsync(
            (context, stop) => context.ResourceLocks.AnyAsync(held => held.Resource == resource && held.ReleaseId == id && held.Fence == fence && held.Until > past, stop), token);
    }

    /// <summary>Whoever waits for a registry, or for a tag, has waited long enough.</summary>
    private async Task<int> EndWaitsAsync()
    {
        var past = DateTimeOffset.UnixEpoch;
        var ended = await history.Database.WriteAsync(
            async (context, stop) =>
            {
                var changes = await context.TagChanges.Where(row => row.Repository == RepositoryName && row.Status == TagChangeStatus.Pending && row.NextAt > past)
                    .ExecuteUpdateAsync(row => row.SetProperty(change => change.NextAt, past), stop);
                return changes + await context.Releases.Where(row => row.ProjectId == _project && row.FinishedAt == null && row.NotBefore > past)
                    .ExecuteUpdateAsync(row => row.SetProperty(release => release.NotBefore, past), stop);
            },
            token);
        _ended += ended;
        return ended;
    }

    /// <summary>Where a game was lost, the next one finds nothing of it under way.</summary>
    private Task AbandonAsync()
    {
        var now = DateTimeOffset.UnixEpoch;
        return history.Database.WriteAsync(
            async (context, stop) =>
            {
                await context.TagChanges.Where(row => row.Repository == RepositoryName && row.Status == TagChangeStatus.Pending)
                    .ExecuteUpdateAsync(row => row.SetProperty(change => change.Status, TagChangeStatus.Failed), stop);
                return await context.Releases.Where(row => row.ProjectId == _project && row.FinishedAt == null)
                    .ExecuteUpdateAsync(row => row.SetProperty(release => release.Status, ReleaseStatus.Failed).SetProperty(release => release.FinishedAt, now), stop);
            },
            CancellationToken.None);
    }

    private IReadOnlyCollection<string> FloatingTags => [.. _releases.Keys.SelectMany(TagModel.TagsOf).Distinct()];

    /// <summary>What comes next comes later, also where two processes make ids within one millisecond.</summary>
    private async Task TickAsync()
    {
        history.Tick();
        if (history.Time == TimeProvider.System)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, token);
        }
    }

    private ImageRef Image(string host, string tag) => new(new ImageRepository(host, RepositoryName), tag);

    private static T Any<T>(IReadOnlyCollection<T> all, int pick) => all.ElementAt(pick % all.Count);
}
