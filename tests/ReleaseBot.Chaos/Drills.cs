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
/// Every process is ended by SIGTERM and started again, one after another, twice, as an upgrade does it. Somebody asks the API all
/// the time, as through a proxy that takes the other web process where one does not listen; no request may fail.
/// </summary>
internal sealed class RollingRestart(Fleet fleet) : ITroubles
{
    private const int Rounds = 2;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal) { ["requests"] = 0 };
    private readonly ConcurrentQueue<string> _complaints = new();

    public IReadOnlyDictionary<string, int> Counts => _counts;

    public IReadOnlyDictionary<string, IReadOnlyCollection<string>> Complaints => new Dictionary<string, IReadOnlyCollection<string>> { ["no request failed"] = _complaints };

    public async Task RunAsync(CancellationToken until)
    {
        using var over = new CancellationTokenSource();
        var asking = AskAsync(over.Token);
        for (var round = 0; round < Rounds && !until.IsCancellationRequested; round++)
        {
            foreach (var bot in fleet.All)
            {
                await bot.StopAsync();
                bot.Start();
                await fleet.WaitUntilReadyAsync(bot, CancellationToken.None);
                _counts[$"{bot.Role}-restart"] = _counts.GetValueOrDefault($"{bot.Role}-restart") + 1;
            }
        }

        await over.CancelAsync();
        await asking;
    }

    private async Task AskAsync(CancellationToken until)
    {
        for (var number = 0; !until.IsCancellationRequested; number++)
        {
            _counts["requests"] = number;
            await AskOnceAsync(fleet.Webs[number % 2], fleet.Webs[(number + 1) % 2]);
            await Task.Delay(Pause, TimeProvider.System, until).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task AskOnceAsync(Bot first, Bot second)
    {
        foreach (var web in new[] { first, second })
        {
            try
            {
                using var response = await fleet.Http.GetAsync(new Uri(web.Address, "api/v1/releases?limit=5"));
                if (!response.IsSuccessStatusCode)
                {
                    _complaints.Enqueue($"{web.Name} answered {(int)response.StatusCode}");
                }

                return;
            }
            catch (HttpRequestException exception) when (exception.HttpRequestError == HttpRequestError.ConnectionError && web == first)
            {
                // Nobody listens: nothing was sent, and the other one is asked.
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
            {
                _complaints.Enqueue($"{web.Name}: {exception.Message}");
                return;
            }
        }
    }
}
