using System.Globalization;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>
/// Sees to it that a build begins only where the engine's disk has room. Where it has none, the engine's cache is emptied once; what still does not
/// fit then waits, if it has not begun, and fails, if it has: it would fill the disk again. That is said of one engine, so the second try is there too;
/// where another engine has to take over, that one makes room of its own first.
/// </summary>
internal sealed partial class EngineRoom(DockerEngine engine, EngineUpkeep upkeep, EngineSettings settings, ILogger<EngineRoom> logger)
{
    private volatile bool _isFull;

    /// <summary>True from a build that found no room, not even in an emptied cache, until <see cref="LookAgainAsync"/> finds some.</summary>
    public bool IsFull => _isFull;

    /// <summary>Whether a full engine has room again. Costs nothing where it was not full.</summary>
    public async Task LookAgainAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_isFull && await MissingAsync(cancellationToken) is null)
            {
                _isFull = false;
                Log.RoomAgain(logger);
            }
        }
        catch (EngineException)
        {
            // It stays full until it says otherwise.
        }
    }

    /// <summary>Before a build.</summary>
    /// <returns>Null where there is room, or the disk can't be seen from here.</returns>
    public async Task<StageResult.Wait?> FindLackAsync(RunLog log, CancellationToken cancellationToken)
    {
        try
        {
            if (await MissingAsync(cancellationToken) is not { } before)
            {
                _isFull = false;
                return null;
            }

            Log.TooLittle(logger, before);
            log.Say($"{before} Emptying the build cache.");
            await MakeRoomAsync(log, cancellationToken);
            var missing = await MissingAsync(cancellationToken);
            _isFull = missing is not null;
            return missing is { } after
                ? new StageResult.Wait(new Reason(ReasonCode.EngineFull, $"{after} Its build cache was emptied already."), null)
                : null;
        }
        catch (EngineUnavailableException exception)
        {
            return new StageResult.Wait(new Reason(ReasonCode.EngineUnavailable, exception.Message), null);
        }
    }

    /// <summary>After a build for which the disk did not suffice.</summary>
    public async Task<StageResult> AfterFullAsync(ReleaseRun run, EngineFullException exception, CancellationToken cancellationToken)
    {
        Log.Full(logger, exception.Message);
        if (HasMadeRoomFor(run.Claimed))
        {
            return StageResult.Fail(ReasonCode.EngineFull, $"The build does not fit on the engine's disk, though the build cache was emptied before. {exception.Message}");
        }

        run.Log.Say($"{exception.Message}: emptying the build cache, then trying once more");
        await MakeRoomAsync(run.Log, cancellationToken);
        return new StageResult.Wait(new Reason(ReasonCode.EngineFull, exception.Message), TimeSpan.Zero) { ComesBack = true };
    }

    /// <summary>Whether this engine's cache was emptied for the release after an earlier try. One that does not tell its id is taken to be the same.</summary>
    internal static bool HasMadeRoomFor(ClaimedRun claimed) =>
        claimed.Release.ReasonCode == ReasonCode.EngineFull && claimed.Release.RoomEngine == claimed.Engine;

    private async Task MakeRoomAsync(RunLog log, CancellationToken cancellationToken)
    {
        try
        {
            await upkeep.MakeRoomAsync(cancellationToken);
        }
        catch (EngineException fault)
        {
            log.Say($"the build cache could not be emptied: {fault.Message}");
        }
    }

    /// <returns>A sentence that says what is free; null where that is enough.</returns>
    private async Task<string?> MissingAsync(CancellationToken cancellationToken) =>
        await engine.GetFreeBytesAsync(cancellationToken) is { } free && free < settings.MinimumFree
            ? string.Create(CultureInfo.InvariantCulture,
                $"The engine's disk has {free / 1e6:F0} MB free, and Engine:MinimumFree asks for {settings.MinimumFree / 1e6:F0} MB.")
            : null;

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "{Lack} The build cache is emptied.")]
        public static partial void TooLittle(ILogger logger, string lack);

        [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "The engine's disk was full in a build: {Message}")]
        public static partial void Full(ILogger logger, string message);

        [LoggerMessage(EventId = 3, Level = LogLevel.Information, Message = "The engine's disk has room for builds again.")]
        public static partial void RoomAgain(ILogger logger);
    }
}
