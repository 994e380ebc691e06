using System.Globalization;
using System.Net;
using System.Text;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.GitLab.Hooks;

namespace ReleaseBot.Chaos;

/// <param name="IsProtected">Else it has to be refused.</param>
/// <param name="Lines">That its build prints.</param>
internal sealed record PushedTag(string Project, string Name, bool IsProtected, int Lines);

/// <summary>
/// Developers who tag, in several projects: releases and pre-releases, back-ports, tags that are not protected; one by one and several in a
/// push. In one project they push a branch instead, several times in a breath. Every hook is sent twice, once to each address; some are lost, some
/// overtaken by those of later pushes, and some sent again much later. Two builds print a lot. At the end an operator protects a tag that was refused,
/// and retries it.
/// </summary>
/// <param name="addresses">Where GitLab finds the bot: of the system's hook, and of the group's.</param>
internal sealed class Traffic(World world, Fleet fleet, Api api, ChaosOptions options, IReadOnlyList<Uri> addresses) : IDisposable
{
    /// <summary>Every image has this many lines of its own in its log, and a few have more.</summary>
    public const int UsualLines = 40;

    private const int ManyLines = 4000;
    private const int PushesInABreath = 3;

    /// <summary>Named as those that are never protected.</summary>
    private const string RefusedFirst = "nightly-retried";

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(500);

    private const string Dockerfile =
        """
        FROM scratch
        COPY busybox /bin/busybox
        COPY page.txt /page.txt
        RUN ["/bin/busybox", "sh", "-c", "for i in $(/bin/busybox seq 1 $(/bin/busybox cut -d' ' -f4 /page.txt)); do echo line $i of its own; done; /bin/busybox sleep $(/bin/busybox cut -d' ' -f2 /page.txt)"]
        """;

    private readonly long _began = TimeProvider.System.GetTimestamp();
    private readonly Random _random = new(options.Seed);
    private readonly List<StandInRepository> _clones = [];
    private readonly List<PushedTag> _pushed = [];
    private readonly List<string> _branch = [];
    private StandInRepository? _site;

    public IReadOnlyList<PushedTag> Pushed
    {
        get
        {
            lock (_pushed)
            {
                return [.. _pushed];
            }
        }
    }

    /// <summary>The commits of the branch, in the order of their pushes.</summary>
    public IReadOnlyList<string> Branch => _branch;

    public int LostHooks { get; private set; }

    /// <summary>Pushes whose hooks later ones could overtake.</summary>
    public int LateHooks { get; private set; }

    public int ProjectCount => options.Projects + 1;

    public int LinesOf(string project, string name) => Pushed.FirstOrDefault(tag => tag.Project == project && tag.Name == name)?.Lines ?? UsualLines;

    public int Resent { get; private set; }

    /// <summary>What is waited for has not come in the run's time.</summary>
    private bool IsOver => TimeProvider.System.GetElapsedTime(_began) > options.Limit;

    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        for (var i = 1; i <= options.Projects; i++)
        {
            _clones.Add(await CreateAsync(Places.App(i), cancellationToken));
            _clones[^1].Project.ProtectedTags.Add("v*");
        }

        _site = await CreateAsync(Places.Branched, cancellationToken);
        _site.Project.ProtectedBranches.Add("main");
        for (var i = 0; i < addresses.Count; i++)
        {
            world.GitLab.AddHook(new StandInHook
            {
                Url = new Uri(addresses[i], "/webhooks/gitlab"),
                Scope = i == 0 ? HookScope.System : HookScope.Group,
                Owner = "acme",
                SigningToken = fleet.SigningToken,
            });
        }
    }

    /// <summary>Pushes everything, with pauses that let about as much wait as two workers can do.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var left = options.Releases;
        HashSet<int> loud = [_random.Next(options.Releases) + 1, _random.Next(options.Releases) + 1];
        var branchEvery = Math.Max(10, options.Releases / 10);
        var next = Enumerable.Range(0, options.Projects).Select(_ => new Versions(_random)).ToArray();
        while (left > 0)
        {
            var project = _random.Next(options.Projects);
            var count = Math.Min(left, _random.Next(4) == 0 ? 3 : 1);
            var lines = loud.Any(number => number <= left && number > left - count) ? ManyLines : UsualLines;
            await PushAsync(_clones[project], [.. Enumerable.Range(0, count).Select(_ => next[project].Next())], isProtected: true, lines, cancellationToken);
            if ((left - count) / branchEvery < left / branchEvery)
            {
                await PushBranchAsync(cancellationToken);
            }

            left -= count;
            if (_random.Next(8) == 0)
            {
                await PushAsync(_clones[project], [$"nightly-{left}"], isProtected: false, UsualLines, cancellationToken);
            }

            await ResendAsync();
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(200, 2500)), TimeProvider.System, cancellationToken);
        }

        await SeeBranchTakenAsync(cancellationToken);
        await RetryRefusedAsync(cancellationToken);
    }

    public void Dispose()
    {
        _clones.ForEach(clone => clone.Dispose());
        _site?.Dispose();
    }

    private async Task<StandInRepository> CreateAsync(string path, CancellationToken cancellationToken)
    {
        var project = await world.GitLab.AddProjectAsync(path, null, cancellationToken);
        var clone = await StandInRepository.CreateAsync(world.GitLab, project, cancellationToken);
        File.Copy("/bin/busybox", Path.Combine(clone.Directory, "busybox"));
        await clone.CommitAsync(new Dictionary<string, string?> { ["Dockerfile"] = Dockerfile, ["page.txt"] = "0 0 0 0" }, "Begin", cancellationToken);
        await clone.PushAsync(cancellationToken, "main");
        return clone;
    }

    private Task<string> CommitAsync(StandInRepository clone, string name, int lines, CancellationToken cancellationToken)
    {
        // What the step sleeps, and whose page it is, so that no two releases share a step: one from the cache would print nothing.
        var page = string.Create(CultureInfo.InvariantCulture, $"{name} {_random.NextDouble() * 1.5:F1} {clone.Project.Path} {lines}\n");
        return clone.CommitAsync(new Dictionary<string, string?> { ["page.txt"] = page }, name, cancellationToken);
    }

    /// <summary>Several commits one after another. Each supersedes those before it that have not started; their hooks may come in any order.</summary>
    private async Task PushBranchAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < PushesInABreath; i++)
        {
            var commit = await CommitAsync(_site!, string.Create(CultureInfo.InvariantCulture, $"main-{_branch.Count}"), UsualLines, cancellationToken);
            DelayHooks();
            await _site!.PushAsync(cancellationToken, "main");
            _branch.Add(commit);
        }
    }

    /// <summary>GitLab repeats no hook that nobody took, and reconciling looks at tags alone: the last push of the branch is told again, as somebody would by "resend".</summary>
    private async Task SeeBranchTakenAsync(CancellationToken cancellationToken)
    {
        var after = $"\"after\":\"{_branch.LastOrDefault()}\"";
        while (_branch.Count > 0 && !IsOver)
        {
            var deliveries = world.GitLab.Deliveries.Where(delivery => Encoding.UTF8.GetString(delivery.Body.Span).Contains(after, StringComparison.Ordinal)).ToList();
            if (deliveries.Exists(delivery => delivery.Status is 200 or 202))
            {
                return;
            }

            if (deliveries.Count > 0)
            {
                Resent++;
                await world.GitLab.ResendAsync(deliveries[0].Id);
            }

            await Task.Delay(Poll, TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>A tag that nobody had protected is refused; then somebody does, and an operator has it judged again.</summary>
    private async Task RetryRefusedAsync(CancellationToken cancellationToken)
    {
        var clone = _clones[_random.Next(_clones.Count)];
        await PushAsync(clone, [RefusedFirst], isProtected: false, UsualLines, cancellationToken);
        ApiRelease? release;
        while ((release = await FindAsync()) is not { Status: "rejected" })
        {
            if (IsOver)
            {
                // That it is stuck, or was let through, is for the verdict to say.
                return;
            }

            // What is not protected is found by no reconciling either.
            if (release is null && world.GitLab.Deliveries.FirstOrDefault(delivery => delivery.Ref == $"refs/tags/{RefusedFirst}") is { Status: not (200 or 202) } lost)
            {
                await world.GitLab.ResendAsync(lost.Id);
            }

            await Task.Delay(Poll, TimeProvider.System, cancellationToken);
        }

        clone.Project.ProtectedTags.Add(RefusedFirst);
        // The other hook may have it judged again at the same moment, before or after it was protected.
        while (await api.PostAsync($"api/v1/releases/{release.Id}/retry", "{}", cancellationToken) == HttpStatusCode.Conflict && await FindAsync() is not { Status: "published" } && !IsOver)
        {
            await Task.Delay(Poll, TimeProvider.System, cancellationToken);
        }

        lock (_pushed)
        {
            _pushed[_pushed.FindIndex(tag => tag.Name == RefusedFirst)] = new PushedTag(clone.Project.Path, RefusedFirst, IsProtected: true, UsualLines);
        }

        async Task<ApiRelease?> FindAsync() =>
            (await api.ReleasesAsync(cancellationToken)).SingleOrDefault(found => found.Project.Path == clone.Project.Path && found.Ref.Name == RefusedFirst);
    }

    /// <summary>Some are on their way for so long that those of later pushes overtake them.</summary>
    private void DelayHooks()
    {
        var isLate = _random.Next(5) == 0;
        world.GitLab.HookDelay = isLate ? TimeSpan.FromSeconds(1 + (7 * _random.NextDouble())) : TimeSpan.Zero;
        LateHooks += isLate ? 1 : 0;
    }

    private async Task PushAsync(StandInRepository clone, IReadOnlyList<string> tags, bool isProtected, int lines, CancellationToken cancellationToken)
    {
        foreach (var tag in tags)
        {
            await CommitAsync(clone, tag, lines, cancellationToken);
            await clone.TagAsync(tag, _random.Next(2) == 0 ? null : $"Release {tag}", cancellationToken);
        }

        // A disabled hook, in the one case that reconciling can heal: what nobody protects is nobody's loss.
        var isLost = isProtected && _random.Next(10) == 0;
        DelayHooks();
        world.GitLab.LosesHooks = isLost;
        LostHooks += isLost ? tags.Count : 0;
        await clone.PushAsync(cancellationToken, ["main", .. tags]);
        world.GitLab.LosesHooks = false;
        lock (_pushed)
        {
            _pushed.AddRange(tags.Select(tag => new PushedTag(clone.Project.Path, tag, isProtected, lines)));
        }
    }

    /// <summary>An old delivery again, as somebody would by GitLab's "resend".</summary>
    private async Task ResendAsync()
    {
        var deliveries = world.GitLab.Deliveries;
        if (deliveries.Count > 0 && _random.Next(5) == 0)
        {
            Resent++;
            await world.GitLab.ResendAsync(deliveries[_random.Next(deliveries.Count)].Id);
        }
    }

    /// <summary>Versions as a project has them: mostly the next patch, sometimes of an old line, sometimes a candidate.</summary>
    private sealed class Versions(Random random)
    {
        private readonly Dictionary<(int Major, int Minor), int> _patches = new() { [(0, 1)] = 0 };
        private int _candidates;

        public string Next()
        {
            var newest = _patches.Keys.Max();
            var line = random.Next(10) switch
            {
                0 => (newest.Major + 1, 0),
                1 or 2 => (newest.Major, newest.Minor + 1),
                3 or 4 => _patches.Keys.ElementAt(random.Next(_patches.Count)),
                _ => newest,
            };
            var patch = _patches[line] = _patches.TryGetValue(line, out var last) ? last + 1 : 0;
            var candidate = random.Next(8) == 0 ? string.Create(CultureInfo.InvariantCulture, $"-rc.{++_candidates}") : "";
            return string.Create(CultureInfo.InvariantCulture, $"v{line.Item1}.{line.Item2}.{patch}{candidate}");
        }
    }
}
