using System.Globalization;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.Registry;

namespace ReleaseBot.Chaos;

/// <param name="Part">What it strikes; a part suffers one fault at a time.</param>
/// <param name="Longest">It lasts up to this long.</param>
internal sealed record Fault(string Kind, string Part, TimeSpan Longest, Func<Task> StrikeAsync, Func<Task> HealAsync);

/// <summary>Strikes at random times, several at once, and heals what it struck. Everything is well again when it ends.</summary>
internal sealed class Faults(World world, Fleet fleet, Api api, TakeOvers takeOvers, ChaosOptions options) : ITroubles
{
    private const int AtOnce = 3;

    private readonly Random _random = new(options.Seed + 1);
    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);
    private readonly HashSet<string> _struck = new(StringComparer.Ordinal);
    private readonly List<Task> _healing = [];
    private readonly Pauses _pauses = new(api);

    public IReadOnlyDictionary<string, int> Counts => _counts;

    public IReadOnlyDictionary<string, IReadOnlyCollection<string>> Complaints => new Dictionary<string, IReadOnlyCollection<string>>
    {
        ["a paused worker took up nothing until it was resumed"] = _pauses.Broken,
        ["a killed worker's releases ran elsewhere after one lease and a claim"] = takeOvers.Late,
    };

    /// <param name="until">Ends it; what is struck then is healed at once.</param>
    public async Task RunAsync(CancellationToken until)
    {
        var all = All();
        Queue<IReadOnlyList<Fault>> coming = [];
        while (!until.IsCancellationRequested)
        {
            await Task.Delay(options.FaultEvery * (0.3 + 1.4 * _random.NextDouble()), TimeProvider.System, until).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (coming.Count == 0)
            {
                // Each kind once before any comes again: a short run has to see them all.
                coming = new Queue<IReadOnlyList<Fault>>(Shuffled(all));
            }

            var kind = coming.Peek();
            var fault = kind[_random.Next(kind.Count)];
            var lasts = fault.Longest * _random.NextDouble();
            if (until.IsCancellationRequested || !TryStrike(fault.Part))
            {
                continue;
            }

            coming.Dequeue();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"      {TimeProvider.System.GetUtcNow():HH:mm:ss} {fault.Kind} {fault.Part} for {lasts.TotalSeconds:F1} s"));
            _counts[fault.Kind] = _counts.GetValueOrDefault(fault.Kind) + 1;
            takeOvers.Struck(fault.Part);
            await fault.StrikeAsync();
            _healing.RemoveAll(task => task.IsCompletedSuccessfully);
            _healing.Add(HealAsync(fault, lasts, until));
        }

        await Task.WhenAll(_healing);
    }

    private IReadOnlyList<Fault>[] Shuffled(IReadOnlyList<IReadOnlyList<Fault>> kinds)
    {
        IReadOnlyList<Fault>[] shuffled = [.. kinds];
        _random.Shuffle(shuffled);
        return shuffled;
    }

    private bool TryStrike(string part)
    {
        lock (_struck)
        {
            return _struck.Count < AtOnce && _struck.Add(part);
        }
    }

    private async Task HealAsync(Fault fault, TimeSpan lasts, CancellationToken until)
    {
        await Task.Delay(lasts, TimeProvider.System, until).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await fault.HealAsync();
        takeOvers.Healed(fault.Part);
        lock (_struck)
        {
            _struck.Remove(fault.Part);
        }
    }

    /// <summary>By kind.</summary>
    private IReadOnlyList<IReadOnlyList<Fault>> All() =>
    [
        [.. fleet.Webs.Select(Kill)],
        [.. fleet.Webs.Select(bot => Freeze(bot, TimeSpan.FromSeconds(12)))],
        [.. fleet.Workers.Select(Kill)],
        // Longer than a lease: somebody else has the release when it wakes up.
        [.. fleet.Workers.Select(bot => Freeze(bot, TimeSpan.FromSeconds(50)))],
        [.. fleet.Workers.Select(bot => new Fault("worker-pause", bot.Name, TimeSpan.FromSeconds(40), () => _pauses.PauseAsync(bot), () => _pauses.ResumeAsync(bot)))],
        [new Fault("rabbitmq-stop", "rabbitmq", TimeSpan.FromSeconds(15), world.RabbitMq.StopAsync, () => world.RabbitMq.ResumeAsync(CancellationToken.None))],
        [new Fault("postgres-stop", "postgres", TimeSpan.FromSeconds(10), world.Postgres.StopAsync, () => world.Postgres.ResumeAsync(CancellationToken.None))],
        [new Fault("postgres-cut", "postgres", TimeSpan.FromSeconds(1), () => world.Postgres.CutConnectionsAsync(world.Database, CancellationToken.None), () => Task.CompletedTask)],
        [.. world.Engines.Select((engine, i) => new Fault(
            "engine-kill", Name("engine", i), TimeSpan.FromSeconds(8), engine.Daemon.KillWithAllAsync, engine.Daemon.StartAsync))],
        [.. world.Proxies.Select((proxy, i) => Answering(proxy, i, 500))],
        [.. world.Proxies.Select((proxy, i) => Answering(proxy, i, 429))],
        [.. world.Proxies.Select((proxy, i) => OfRegistry("registry-hang", proxy, i, new ProxyFault.Silence()))],
        [new Fault("gitlab-away", "gitlab", TimeSpan.FromSeconds(15), GitLabAway, GitLabBack)],
    ];

    private Fault Kill(Bot bot) => new(
        $"{bot.Role}-kill", bot.Name, TimeSpan.FromSeconds(6),
        async () =>
        {
            var owner = bot.Owner;
            await bot.KillAsync();
            if (bot.Role == "worker")
            {
                takeOvers.Watch(bot.Name, owner);
            }
        },
        () =>
        {
            bot.Start();
            return Task.CompletedTask;
        });

    private static Fault Freeze(Bot bot, TimeSpan longest) => new(
        $"{bot.Role}-freeze", bot.Name, longest,
        () =>
        {
            bot.Freeze();
            return Task.CompletedTask;
        },
        () =>
        {
            bot.Thaw();
            return Task.CompletedTask;
        });

    private static Fault Answering(FaultProxy proxy, int index, int status) => OfRegistry(
        string.Create(CultureInfo.InvariantCulture, $"registry-{status}"), proxy, index,
        new ProxyFault.Answer(status) { Headers = status == 429 ? new Dictionary<string, string> { ["Retry-After"] = "2" } : new Dictionary<string, string>() });

    private static Fault OfRegistry(string kind, FaultProxy proxy, int index, ProxyFault answer) => new(
        kind, Name("registry", index), TimeSpan.FromSeconds(12),
        () =>
        {
            proxy.On(_ => true, answer, int.MaxValue);
            return Task.CompletedTask;
        },
        () =>
        {
            proxy.Heal();
            return Task.CompletedTask;
        });

    private static string Name(string part, int index) => string.Create(CultureInfo.InvariantCulture, $"{part}-{index + 1}");

    private Task GitLabAway()
    {
        // The API alone: developers could not push either, and that is another story.
        world.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.Away, Matches = " /api/v4" });
        return Task.CompletedTask;
    }

    private Task GitLabBack()
    {
        world.GitLab.ClearFaults();
        return Task.CompletedTask;
    }
}
