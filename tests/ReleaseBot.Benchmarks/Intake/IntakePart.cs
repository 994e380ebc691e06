using System.Globalization;
using ReleaseBot.Benchmarks.Intake.Load;
using ReleaseBot.Benchmarks.Intake.Subjects;
using ReleaseBot.Benchmarks.Reporting;

namespace ReleaseBot.Benchmarks.Intake;

/// <summary>
/// How many hooks a second the bot takes, each stored before it is answered, against what takes hooks without storing them, what stores them without
/// taking them, and the bare web server. The same generator loads all of them, from the same machine.
/// </summary>
internal sealed class IntakePart : BenchPart
{
    private const int Accepted = 202;
    private const int WebhookStatus = 200;
    private const string Webhook = "webhook";
    private const string HastyWebhook = "webhook, answering first";
    private const string BareKestrel = "bare Kestrel";
    private const string PgbenchOfDelivery = "pgbench, the delivery's row";
    private const string PgbenchOfBoth = "pgbench, the release's row too";
    private const int OfferedPerSecond = 1000;
    private const int MostPerSecond = 16_000;
    private const int WarmUps = 3;
    private static readonly int[] Connections = [32, 256];

    private readonly Dictionary<(string Subject, int Connections), Samples> _rates = [];
    private readonly Dictionary<(string Subject, int Connections, double Part), Samples> _latencies = [];
    private readonly Dictionary<(string Subject, int Connections), Samples> _processor = [];
    private readonly Dictionary<(string Subject, int Connections), Samples> _idle = [];
    private readonly Dictionary<int, Samples> _commandsRun = [];
    private readonly Dictionary<string, long> _answered = [];
    private long _nextNumber;

    public override string Name => "intake";

    public override string Summary => "hooks stored and answered a second, against webhook, pgbench and a bare Kestrel";

    public override async Task RunAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        var duration = TimeSpan.FromSeconds(options.IsShort ? 1 : 4);
        await using var servers = await IntakeServers.StartAsync(options.ProgramPath, cancellationToken);
        Bot[] bots =
        [
            new("ReleaseBot, SQLite", servers.OnSqlite, servers.StoreOnSqlite, token => StoredDeliveries.CountInSqliteAsync(servers.OnSqlite.DatabasePath, token)),
            new("ReleaseBot, Postgres", servers.OnPostgres, servers.StoreOnPostgres, token => StoredDeliveries.CountInPostgresAsync(servers.Database, token)),
        ];
        await WarmUpAsync(servers, bots, duration, cancellationToken);
        var before = bots.ToDictionary(bot => bot, bot => bot.Process.Memory().Resident / 1e6);
        for (var round = 1; round <= options.Rounds; round++)
        {
            foreach (var connections in Connections)
            {
                await RoundAsync(servers, bots, connections, round - 1, duration, cancellationToken);
            }

            Say($"round {round} of {options.Rounds}: {string.Join("; ", _rates.Select(rate => string.Create(CultureInfo.InvariantCulture, $"{rate.Key.Subject} {rate.Key.Connections}: {rate.Value.Values[^1]:F0}/s")))}");
        }

        ReportRates(report, bots);
        foreach (var bot in bots)
        {
            await OfferAsync(report, bot, options.IsShort ? 1 : options.Rounds, duration, cancellationToken);
            await ReportMemoryAsync(report, bot, before[bot], options, cancellationToken);
        }
    }

    /// <summary>
    /// Servers that have run for a minute are what is measured: their pools are filled, and .NET's code is compiled for good, which takes some ten seconds of load
    /// on two processors. A bot is warmed for longer than the others, which have less to warm.
    /// </summary>
    private async Task WarmUpAsync(IntakeServers servers, Bot[] bots, TimeSpan duration, CancellationToken cancellationToken)
    {
        foreach (var connections in Connections)
        {
            foreach (var bot in bots)
            {
                for (var pass = 0; pass < WarmUps; pass++)
                {
                    await LoadAsync(bot, connections, duration);
                    await bot.Store.RunAsync(connections, duration);
                }
            }

            await LoadAsync(servers.Kestrel.Hook, connections, Accepted, duration);
            await LoadAsync(servers.Webhook.Hook, connections, WebhookStatus, duration / 4);
            await LoadAsync(servers.HastyWebhook.Hook, connections, WebhookStatus, duration / 4);
            await servers.HastyWebhook.WaitForCommandsAsync(cancellationToken);
            await servers.PgbenchOfDelivery.RunAsync(connections, duration, cancellationToken);
            await servers.PgbenchOfBoth.RunAsync(connections, duration, cancellationToken);
        }

        Say("warm");
    }

    private async Task RoundAsync(IntakeServers servers, Bot[] bots, int connections, int round, TimeSpan duration, CancellationToken cancellationToken)
    {
        Func<Task>[] turns =
        [
            .. bots.Select(bot => (Func<Task>)(() => MeasureAsync(bot, connections, duration, cancellationToken))),
            .. bots.Select(bot => (Func<Task>)(async () => RatesOf(StoreOf(bot.Name), connections).Add(await bot.Store.RunAsync(connections, duration)))),
            async () => Keep(Webhook, connections, await LoadAsync(servers.Webhook.Hook, connections, WebhookStatus, duration)),
            () => MeasureAsync(servers.HastyWebhook, connections, duration, cancellationToken),
            async () => Keep(BareKestrel, connections, await LoadAsync(servers.Kestrel.Hook, connections, Accepted, duration)),
            async () => RatesOf(PgbenchOfDelivery, connections).Add(await servers.PgbenchOfDelivery.RunAsync(connections, duration, cancellationToken)),
            async () => RatesOf(PgbenchOfBoth, connections).Add(await servers.PgbenchOfBoth.RunAsync(connections, duration, cancellationToken)),
        ];
        foreach (var turn in Turns(turns, round))
        {
            await turn();
        }
    }

    private async Task MeasureAsync(Bot bot, int connections, TimeSpan duration, CancellationToken cancellationToken)
    {
        var used = bot.Process.ProcessorTime;
        var result = await LoadAsync(bot, connections, duration);
        Keep(bot.Name, connections, result);
        SamplesOf(_processor, (bot.Name, connections)).Add((bot.Process.ProcessorTime - used).TotalMicroseconds / result.Answered);
        await ThrowIfLostAsync(bot, cancellationToken);
    }

    /// <summary>The commands are counted by what the machine started meanwhile, threads of its own and now and then of somebody else's with them.</summary>
    private async Task MeasureAsync(WebhookProgram webhook, int connections, TimeSpan duration, CancellationToken cancellationToken)
    {
        var forks = MachineTimes.Forks();
        var answers = await LoadAsync(webhook.Hook, connections, WebhookStatus, duration);
        Keep(HastyWebhook, connections, answers);
        await webhook.WaitForCommandsAsync(cancellationToken);
        SamplesOf(_commandsRun, connections).Add(100.0 * (MachineTimes.Forks() - forks) / answers.Answered);
    }

    private async Task<LoadResult> LoadAsync(Bot bot, int connections, TimeSpan duration)
    {
        var requests = Requests(bot, (int)(MostPerSecond * duration.TotalSeconds));
        var result = await LoadGenerator.ClosedAsync(bot.Process.Hook, connections, requests, isRepeated: false, Accepted, duration);
        Count(bot, result);
        return result;
    }

    private static Task<LoadResult> LoadAsync(Uri hook, int connections, int status, TimeSpan duration) =>
        LoadGenerator.ClosedAsync(hook, connections, HookRequests.Build(hook, 0, 1000), isRepeated: true, status, duration);

    /// <summary>At a steady rate that a large GitLab would not reach: what a hook has to wait.</summary>
    private async Task OfferAsync(BenchReport report, Bot bot, int rounds, TimeSpan duration, CancellationToken cancellationToken)
    {
        Samples median = new(), tail = new();
        for (var round = 0; round < rounds; round++)
        {
            var requests = Requests(bot, (int)(OfferedPerSecond * duration.TotalSeconds));
            var result = await LoadGenerator.OpenAsync(bot.Process.Hook, Connections[^1], requests, OfferedPerSecond, Accepted);
            Count(bot, result);
            median.Add(result.Milliseconds(0.5));
            tail.Add(result.Milliseconds(0.99));
        }

        await ThrowIfLostAsync(bot, cancellationToken);
        report.Add(Name, "1,000/s offered", $"{bot.Name}, p50", "ms", median);
        report.Add(Name, "1,000/s offered", $"{bot.Name}, p99", "ms", tail, Target.AtMost(50));
    }

    private async Task ReportMemoryAsync(BenchReport report, Bot bot, double before, BenchOptions options, CancellationToken cancellationToken)
    {
        while (_answered[bot.Name] < options.Deliveries)
        {
            await LoadAsync(bot, Connections[0], TimeSpan.FromSeconds(10));
        }

        await ThrowIfLostAsync(bot, cancellationToken);
        var after = bot.Process.Memory().Resident / 1e6;
        report.Add(Name, "memory", $"{bot.Name}, warm", "MB", before);
        report.Add(Name, "memory", string.Create(CultureInfo.InvariantCulture, $"{bot.Name}, after {_answered[bot.Name]:N0} deliveries"), "MB", after);
        report.AddRatio(Name, "memory", $"{bot.Name}, after over warm", after, before, Target.AtMost(1.5));
    }

    private void ReportRates(BenchReport report, Bot[] bots)
    {
        foreach (var connections in Connections)
        {
            var @case = $"{connections} connections";
            foreach (var ((subject, _), rates) in _rates.Where(rate => rate.Key.Connections == connections))
            {
                report.Add(Name, @case, subject, "1/s", rates);
            }

            foreach (var ((subject, _, part), latencies) in _latencies.Where(latency => latency.Key.Connections == connections))
            {
                report.Add(Name, @case, string.Create(CultureInfo.InvariantCulture, $"{subject}, p{part * 100:F0}"), "ms", latencies);
            }

            foreach (var ((subject, _), idle) in _idle.Where(idle => idle.Key.Connections == connections))
            {
                report.Add(Name, @case, $"{subject}, of the machine's processors idle", "%", idle);
            }

            report.Add(Name, @case, $"{HastyWebhook}, at the most of its commands run", "%", _commandsRun[connections]);
            foreach (var bot in bots)
            {
                var store = StoreOf(bot.Name);
                report.Add(Name, @case, $"{bot.Name}, processor time a hook", "µs", SamplesOf(_processor, (bot.Name, connections)));
                Compare(report, @case, bot.Name, Webhook, connections, Target.AtLeast(2.5));
                Compare(report, @case, bot.Name, HastyWebhook, connections, Target.AtLeast(2.5));
                Compare(report, @case, bot.Name, PgbenchOfDelivery, connections, Target.AtLeast(1.5));
                Compare(report, @case, bot.Name, PgbenchOfBoth, connections, Target.AtLeast(1.5));
                Compare(report, @case, bot.Name, BareKestrel, connections, Target.AtLeast(0.3));
                Compare(report, @case, bot.Name, store, connections, null);
                Compare(report, @case, store, PgbenchOfDelivery, connections, null);
                Compare(report, @case, store, PgbenchOfBoth, connections, null);
                Compare(report, @case, store, BareKestrel, connections, null);
            }
        }
    }

    private void Compare(BenchReport report, string @case, string subject, string other, int connections, Target? target) =>
        report.AddRatio(Name, @case, $"{subject} over {other}", RatesOf(subject, connections).Median, RatesOf(other, connections).Median, target);

    private static string StoreOf(string bot) => $"{bot}, its store alone";

    private HookRequests Requests(Bot bot, int count)
    {
        var requests = HookRequests.Build(bot.Process.Hook, _nextNumber, count);
        _nextNumber += count;
        return requests;
    }

    private void Count(Bot bot, LoadResult result) => _answered[bot.Name] = _answered.GetValueOrDefault(bot.Name) + result.Answered;

    private async Task ThrowIfLostAsync(Bot bot, CancellationToken cancellationToken)
    {
        var stored = await bot.CountAsync(cancellationToken);
        if (stored != _answered[bot.Name])
        {
            throw new InvalidOperationException($"{bot.Name} answered {_answered[bot.Name]} deliveries with 202, and has {stored} of them.");
        }
    }

    private void Keep(string subject, int connections, LoadResult result)
    {
        RatesOf(subject, connections).Add(result.PerSecond);
        SamplesOf(_idle, (subject, connections)).Add(result.Machine.IdlePart * 100);
        SamplesOf(_latencies, (subject, connections, 0.5)).Add(result.Milliseconds(0.5));
        SamplesOf(_latencies, (subject, connections, 0.99)).Add(result.Milliseconds(0.99));
    }

    private Samples RatesOf(string subject, int connections) => SamplesOf(_rates, (subject, connections));

    private static Samples SamplesOf<T>(Dictionary<T, Samples> all, T key)
        where T : notnull
    {
        if (!all.TryGetValue(key, out var samples))
        {
            all.Add(key, samples = new Samples());
        }

        return samples;
    }

    /// <param name="Store">What it stores with, without the rest of it.</param>
    private sealed record Bot(string Name, BotProgram Process, StoreAlone Store, Func<CancellationToken, Task<long>> CountAsync);
}
