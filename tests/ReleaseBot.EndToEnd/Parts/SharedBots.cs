using System.Collections.Concurrent;

namespace ReleaseBot.EndToEnd.Parts;

/// <summary>Bots with the usual settings, which one test after the other borrows. There are as many as tests that run side by side.</summary>
internal sealed class SharedBots(ServiceParts parts) : IAsyncDisposable
{
    private readonly Dictionary<On, ConcurrentBag<ReleaseScenario>> _idle = new() { [On.Sqlite] = [], [On.Postgres] = [] };

    /// <summary>Runs, has no project, and is nobody else's until it is taken back.</summary>
    public async Task<ReleaseScenario> BorrowAsync(On on)
    {
        if (_idle[on].TryTake(out var idle))
        {
            return idle;
        }

        var host = await ReleaseScenario.CreateEmptyAsync(parts, on);
        try
        {
            await host.Bot.StartAsync();
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <param name="isFit">The next test may have it.</param>
    public async Task TakeBackAsync(ReleaseScenario host, bool isFit)
    {
        if (isFit)
        {
            _idle[host.Database].Add(host);
        }
        else
        {
            await host.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _idle.Values.SelectMany(hosts => hosts))
        {
            await host.DisposeAsync();
        }
    }
}
