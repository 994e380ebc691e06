using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>Keeps the engine's disk in bounds: a release's local image goes when the release is over, and the build cache stays within its budget.</summary>
internal sealed partial class EngineUpkeep(
    DockerEngine engine, HistoryQueries history, EngineSettings settings, TimeProvider time, ILogger<EngineUpkeep> logger) : BackgroundService
{
    private const string Prefix = "releasebot/";
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    /// <summary>So long the image of a release whose push has failed is kept for a retry, unless the disk needs the room.</summary>
    private static readonly TimeSpan KeptForRetry = TimeSpan.FromDays(1);

    private readonly WakeUp _pruneSoon = new(time);
    private readonly SemaphoreSlim _makingRoom = new(1);

    /// <summary>Removes the image that the release kept at the engine, unless the release is only waiting, or may be retried. Never throws.</summary>
    public async Task AfterReleaseAsync(string localTag, Guid releaseId)
    {
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1), time);
            if (await history.IsImageNeededAsync(releaseId, KeptForRetry, limit.Token) is not true)
            {
                await engine.RemoveImageAsync(localTag, limit.Token);
                _pruneSoon.Set();
            }
        }
        catch (Exception exception)
        {
            Log.NotTidied(logger, exception.Message);
        }
    }

    /// <summary>Deletes all that can be made again: images of releases that are over, and the whole build cache but for what running builds use.</summary>
    /// <exception cref="EngineException">The engine could not be asked to.</exception>
    public async Task MakeRoomAsync(CancellationToken cancellationToken)
    {
        await _makingRoom.WaitAsync(cancellationToken);
        try
        {
            await RemoveLeftoversAsync(TimeSpan.Zero, cancellationToken);
            Log.Emptied(logger, await engine.PruneBuildCacheAsync(0, cancellationToken) / 1_000_000);
        }
        finally
        {
            _makingRoom.Release();
        }
    }

    public override void Dispose()
    {
        _makingRoom.Dispose();
        _pruneSoon.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await _pruneSoon.WaitAsync(Interval, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await RemoveLeftoversAsync(KeptForRetry, stoppingToken);
                var freed = await engine.PruneBuildCacheAsync(settings.CacheBudget, stoppingToken);
                if (freed > 0)
                {
                    Log.Pruned(logger, freed / 1_000_000);
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                Log.NotTidied(logger, exception.Message);
            }
        }
    }

    /// <summary>Images of releases that ended elsewhere, or while nobody looked.</summary>
    private async Task RemoveLeftoversAsync(TimeSpan keptForRetry, CancellationToken cancellationToken)
    {
        foreach (var tag in await engine.ListImagesAsync(Prefix, cancellationToken))
        {
            var name = tag[Prefix.Length..];
            var colon = name.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && Guid.TryParseExact(name[..colon], "N", out var releaseId)
                && await history.IsImageNeededAsync(releaseId, keptForRetry, cancellationToken) is false)
            {
                await engine.RemoveImageAsync(tag, cancellationToken);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "Build cache over its budget: {Megabytes} MB were freed.")]
        public static partial void Pruned(ILogger logger, long megabytes);

        [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "The build cache was emptied for want of room: {Megabytes} MB were freed.")]
        public static partial void Emptied(ILogger logger, long megabytes);

        [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "The engine could not be tidied: {Message}")]
        public static partial void NotTidied(ILogger logger, string message);
    }
}
