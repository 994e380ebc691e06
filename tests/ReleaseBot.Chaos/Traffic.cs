using System.Globalization;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.GitLab.Hooks;

namespace ReleaseBot.Chaos;

/// <param name="IsProtected">Else it has to be refused.</param>
internal sealed record PushedTag(string Project, string Name, bool IsProtected);

/// <summary>
/// Developers who tag, in several projects: releases and pre-releases, back-ports, tags that are not protected; one by one and several in a
/// push. Every hook is sent twice, once to each address; some are lost and some sent again much later.
/// </summary>
/// <param name="addresses">Where GitLab finds the bot: of the system's hook, and of the group's.</param>
internal sealed class Traffic(World world, Fleet fleet, ChaosOptions options, IReadOnlyList<Uri> addresses) : IDisposable
{
    /// <summary>Every image has this many lines of its own in its log.</summary>
    public const int LogLines = 40;

    private const string Dockerfile =
        """
        FROM scratch
        COPY busybox /bin/busybox
        COPY page.txt /page.txt
        RUN ["/bin/busybox", "sh", "-c", "for i in $(/bin/busybox seq 1 40); do echo line $i of 40; done; /bin/busybox sleep $(/bin/busybox cut -d' ' -f2 /page.txt)"]
        """;

    private readonly Random _random = new(options.Seed);
    private readonly List<StandInRepository> _clones = [];
    private readonly List<PushedTag> _pushed = [];

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

    public int LostHooks { get; private set; }

    public int Resent { get; private set; }

    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        for (var i = 1; i <= options.Projects; i++)
        {
            var path = string.Create(CultureInfo.InvariantCulture, $"acme/app-{i}");
            var project = await world.GitLab.AddProjectAsync(path, null, cancellationToken);
            project.ProtectedTags.Add("v*");
            var clone = await StandInRepository.CreateAsync(world.GitLab, project, cancellationToken);
            File.Copy("/bin/busybox", Path.Combine(clone.Directory, "busybox"));
            await clone.CommitAsync(new Dictionary<string, string?> { ["Dockerfile"] = Dockerfile, ["page.txt"] = "0 0" }, "Begin", cancellationToken);
            await clone.PushAsync(cancellationToken, "main");
            _clones.Add(clone);
        }

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
        var next = Enumerable.Range(0, options.Projects).Select(_ => new Versions(_random)).ToArray();
        while (left > 0)
        {
            var project = _random.Next(options.Projects);
            var count = Math.Min(left, _random.Next(4) == 0 ? 3 : 1);
            await PushAsync(_clones[project], [.. Enumerable.Range(0, count).Select(_ => next[project].Next())], isProtected: true, cancellationToken);
            left -= count;
            if (_random.Next(8) == 0)
            {
                await PushAsync(_clones[project], [$"nightly-{left}"], isProtected: false, cancellationToken);
            }

            await ResendAsync();
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(200, 2500)), TimeProvider.System, cancellationToken);
        }
    }

    public void Dispose() => _clones.ForEach(clone => clone.Dispose());

    private async Task PushAsync(StandInRepository clone, IReadOnlyList<string> tags, bool isProtected, CancellationToken cancellationToken)
    {
        foreach (var tag in tags)
        {
            // What the step sleeps, and whose page it is, so that no two releases share a step: one from the cache would print nothing.
            var page = string.Create(CultureInfo.InvariantCulture, $"{tag} {_random.NextDouble() * 1.5:F1} {clone.Project.Path}\n");
            await clone.CommitAsync(new Dictionary<string, string?> { ["page.txt"] = page }, tag, cancellationToken);
            await clone.TagAsync(tag, _random.Next(2) == 0 ? null : $"Release {tag}", cancellationToken);
        }

        // A disabled hook, in the one case that reconciling can heal: what nobody protects is nobody's loss.
        var isLost = isProtected && _random.Next(10) == 0;
        world.GitLab.LosesHooks = isLost;
        LostHooks += isLost ? tags.Count : 0;
        await clone.PushAsync(cancellationToken, ["main", .. tags]);
        world.GitLab.LosesHooks = false;
        lock (_pushed)
        {
            _pushed.AddRange(tags.Select(tag => new PushedTag(clone.Project.Path, tag, isProtected)));
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
