using System.Collections.Concurrent;
using System.Globalization;

namespace ReleaseBot.Chaos;

/// <summary>What befalls the fleet while tags are pushed.</summary>
internal interface ITroubles
{
    /// <summary>By kind.</summary>
    IReadOnlyDictionary<string, int> Counts { get; }

    /// <summary>By what was promised of this trouble, what was seen that should not be.</summary>
    IReadOnlyDictionary<string, IReadOnlyCollection<string>> Complaints { get; }

    /// <summary>Everything is well again when it ends.</summary>
    Task RunAsync(CancellationToken until);
}

/// <summary>RabbitMQ is away all the time, and for so long at the least. Hooks are taken all the same, and none has to wait.</summary>
internal sealed class BusAway(World world, TimeSpan away) : ITroubles
{
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(2);

    public IReadOnlyDictionary<string, int> Counts { get; } = new Dictionary<string, int> { ["rabbitmq-away"] = 1 };

    public IReadOnlyDictionary<string, IReadOnlyCollection<string>> Complaints => new Dictionary<string, IReadOnlyCollection<string>>
    {
        ["every hook was answered at once"] = Slow(),
    };

    public async Task RunAsync(CancellationToken until)
    {
        await world.RabbitMq.StopAsync();
        // Not cut short: the point is that it lasts.
        await Task.Delay(away, TimeProvider.System, CancellationToken.None);
        await world.RabbitMq.ResumeAsync(CancellationToken.None);
    }

    private IReadOnlyCollection<string> Slow() =>
        [.. world.GitLab.Deliveries.Where(delivery => delivery.Status is not (200 or 202) || delivery.Took > LongestAnswer)
            .Select(delivery => $"the hook of {delivery.Project} {delivery.Ref} was answered {delivery.Status?.ToString(CultureInfo.InvariantCulture) ?? delivery.Error} after {delivery.Took.TotalSeconds:F1} s")];
}

/// <summary>
/// Every process is ended by SIGTERM and started again, one after another, as docs/operations.md has an upgrade; PostgreSQL and RabbitMQ are restarted
/// between them. All the while hooks come, the API is read and logs are followed, through a front that does what a load balancer does. No request may
/// fail: while PostgreSQL is away an answer may take its time, a hook's as long as GitLab waits.
/// </summary>
internal sealed class RollingRestart(World world, Fleet fleet, Front front) : ITroubles
{
    private const int Rounds = 2;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan ResendEvery = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    /// <summary>What GitLab waits for an answer, less what a look at the clock may cost.</summary>
    private static readonly TimeSpan HookLimit = TimeSpan.FromSeconds(9.5);

    private readonly ConcurrentDictionary<string, int> _counts = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _failed = new();
    private readonly ConcurrentQueue<string> _torn = new();
    private readonly ConcurrentBag<(DateTimeOffset From, DateTimeOffset To)> _outages = [];

    public IReadOnlyDictionary<string, int> Counts => _counts;

    public IReadOnlyDictionary<string, IReadOnlyCollection<string>> Complaints => new Dictionary<string, IReadOnlyCollection<string>>
    {
        ["every hook was answered well, and in time"] = UnansweredHooks(),
        ["no read of the API failed"] = _failed,
        ["every log that was followed came whole, without a gap and without a double"] = _torn,
        ["hooks came, the API was read and logs were followed all the while"] =
            [.. new[] { "hook-resent", "read", "log-followed" }.Where(kind => _counts.GetValueOrDefault(kind) == 0).Select(kind => $"{kind}: none")],
    };

    public async Task RunAsync(CancellationToken until)
    {
        using var over = new CancellationTokenSource();
        Task[] load = [ReadAsync(over.Token), ResendAsync(over.Token), FollowAsync(over.Token)];
        for (var round = 0; round < Rounds && (round == 0 || !until.IsCancellationRequested); round++)
        {
            await RestartAsync(fleet.Webs[0]);
            await RestartPostgresAsync();
            await RestartAsync(fleet.Workers[0]);
            await RestartAsync(fleet.Webs[1]);
            await RestartRabbitMqAsync();
            foreach (var worker in fleet.Workers.Skip(1))
            {
                await RestartAsync(worker);
            }
        }

        await over.CancelAsync();
        await Task.WhenAll(load);
    }

    private async Task RestartAsync(Bot bot)
    {
        var isWeb = fleet.Webs.Contains(bot);
        if (isWeb)
        {
            await front.TakeOutAsync(bot);
        }

        await bot.StopAsync();
        bot.Start();
        await fleet.WaitUntilReadyAsync(bot, CancellationToken.None);
        if (isWeb)
        {
            front.PutBack(bot);
        }

        Count($"{bot.Role}-restart");
    }

    private async Task RestartPostgresAsync()
    {
        var from = TimeProvider.System.GetUtcNow();
        await world.Postgres.StopAsync();
        await world.Postgres.ResumeAsync(CancellationToken.None);
        _outages.Add((from, TimeProvider.System.GetUtcNow()));
        Count("postgres-restart");
        await ReadyAsync();
    }

    private async Task RestartRabbitMqAsync()
    {
        await world.RabbitMq.StopAsync();
        await world.RabbitMq.ResumeAsync(CancellationToken.None);
        Count("rabbitmq-restart");
        await ReadyAsync();
    }

    private async Task ReadyAsync()
    {
        foreach (var bot in fleet.All)
        {
            await fleet.WaitUntilReadyAsync(bot, CancellationToken.None);
        }
    }

    private async Task ReadAsync(CancellationToken until)
    {
        string[] paths = ["api/v1/releases?limit=5", "api/v1/queue", "api/v1/deliveries?limit=5"];
        for (var number = 0; !until.IsCancellationRequested; number++)
        {
            var path = paths[number % paths.Length];
            try
            {
                using var response = await fleet.Http.GetAsync(new Uri(front.Address, path), CancellationToken.None);
                if (!response.IsSuccessStatusCode)
                {
                    _failed.Enqueue($"{path} was answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(CancellationToken.None)}");
                }
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
            {
                _failed.Enqueue($"{path}: {exception.Message}");
            }

            Count("read");
            await Wait(Pause, until);
        }
    }

    /// <summary>Deliveries again, beside the new ones: a resend is judged by the database as any other.</summary>
    private async Task ResendAsync(CancellationToken until)
    {
        List<Task> sending = [];
        while (!until.IsCancellationRequested)
        {
            if (world.GitLab.Deliveries is { Count: > 0 } deliveries)
            {
                sending.Add(world.GitLab.ResendAsync(deliveries[Random.Shared.Next(deliveries.Count)].Id));
                Count("hook-resent");
            }

            await Wait(ResendEvery, until);
        }

        await Task.WhenAll(sending);
    }

    /// <summary>Follows each release from when it is first seen to its end.</summary>
    private async Task FollowAsync(CancellationToken until)
    {
        using var http = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
        http.DefaultRequestHeaders.Authorization = fleet.Http.DefaultRequestHeaders.Authorization;
        var api = new Api(fleet);
        Dictionary<Guid, Task> following = [];
        while (!until.IsCancellationRequested)
        {
            foreach (var release in (await api.ReleasesAsync(CancellationToken.None)).Where(release => release.Status is "building" or "pushing"))
            {
                if (!following.ContainsKey(release.Id))
                {
                    following[release.Id] = FollowAsync(new LogFollower(http, front.Address, release.Id), release.Id, api);
                }
            }

            await Wait(Poll, until);
        }

        // What still runs comes to its end in peace; the run's own limit is the limit.
        await Task.WhenAll(following.Values);
    }

    private async Task FollowAsync(LogFollower follower, Guid release, Api api)
    {
        // A log whose release never ends is another promise's matter.
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5), TimeProvider.System);
        try
        {
            var complaint = await follower.FollowAsync(limit.Token);
            if (complaint is null && await api.LogAsync(release, limit.Token) is var whole && whole != follower.Text)
            {
                complaint = $"what was followed of the log of {release} is not what it is: {follower.Text.Length} characters of {whole.Length}";
            }

            if (complaint is not null)
            {
                _torn.Enqueue(complaint);
            }
        }
        catch (OperationCanceledException)
        {
            _torn.Enqueue($"the log of {release} did not end in five minutes");
        }

        Count("log-followed");
        _counts.AddOrUpdate("log-cut", follower.Cuts, (_, cuts) => cuts + follower.Cuts);
    }

    private IReadOnlyCollection<string> UnansweredHooks() =>
    [
        .. world.GitLab.Deliveries.Where(delivery => delivery.Status is not (200 or 202) && !IsExcused(delivery))
            .Select(delivery => $"the hook of {delivery.Project} {delivery.Ref} was answered {delivery.Status?.ToString(CultureInfo.InvariantCulture) ?? delivery.Error} after {delivery.Took.TotalSeconds:F1} s"),
    ];

    /// <summary>Waited for as long as GitLab does, while the database was away for as long: no program could have stored it.</summary>
    private bool IsExcused(StandIns.GitLab.Hooks.StandInDelivery delivery) =>
        delivery.Took >= HookLimit && _outages.Any(outage => outage.To - outage.From >= HookLimit && outage.From < delivery.SentAt + delivery.Took && outage.To > delivery.SentAt);

    private void Count(string kind) => _counts.AddOrUpdate(kind, 1, (_, count) => count + 1);

    private static async Task Wait(TimeSpan span, CancellationToken until) =>
        await Task.Delay(span, TimeProvider.System, until).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
