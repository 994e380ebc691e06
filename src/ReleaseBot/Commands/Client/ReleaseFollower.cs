using System.Net.ServerSentEvents;

namespace ReleaseBot.Commands.Client;

/// <summary>
/// Follows a release until it is final: prints its log as it comes, resumes behind the last event where the connection breaks, and asks for the
/// status alone where the server offers no event stream.
/// </summary>
internal sealed class ReleaseFollower(ApiClient client, CommandEnvironment environment)
{
    /// <summary>The event that says that no more will come.</summary>
    private const string EndEvent = "end";

    private enum LogState
    {
        /// <summary>The server closed the log as complete.</summary>
        Ended,

        /// <summary>The connection broke, or nothing came for too long.</summary>
        Broken,

        /// <summary>The server has no event stream.</summary>
        NotOffered,
    }

    private string? _lastEventId;
    private bool _hasPrinted;
    private string _status = "";
    private long _lastAnswer = environment.Time.GetTimestamp();

    /// <returns>The release in its final status.</returns>
    /// <exception cref="ApiException">The server refuses to show the release, or can't be reached for too long.</exception>
    public async Task<ApiRelease> FollowAsync(ApiRelease release, CancellationToken cancellationToken)
    {
        TellStatus(release);
        var offersEvents = true;
        while (!release.IsFinal)
        {
            var state = offersEvents ? await FollowLogAsync(release.Id, cancellationToken) : LogState.NotOffered;
            offersEvents = state != LogState.NotOffered;
            release = await RefreshAsync(release, cancellationToken);
            if (release.IsFinal && state == LogState.Broken)
            {
                // The rest of the log, if it can be had.
                await FollowLogAsync(release.Id, cancellationToken);
            }
            else if (!release.IsFinal)
            {
                await Task.Delay(offersEvents ? environment.Limits.Reconnect : environment.Limits.Poll, environment.Time, cancellationToken);
            }
        }

        if (!_hasPrinted)
        {
            await PrintWholeLogAsync(release.Id, cancellationToken);
        }

        return release;
    }

    private async Task<LogState> FollowLogAsync(string id, CancellationToken cancellationToken)
    {
        using CancellationTokenSource silence = new(environment.Limits.Silence, environment.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(silence.Token, cancellationToken);
        try
        {
            using var response = await client.FollowLogAsync(id, _lastEventId, either.Token);
            if (response.Content.Headers.ContentType?.MediaType != ApiClient.EventStream)
            {
                return LogState.NotOffered;
            }

            await using var stream = await response.Content.ReadAsStreamAsync(either.Token);
            var events = SseParser.Create(stream);
            await foreach (var item in events.EnumerateAsync(either.Token))
            {
                silence.CancelAfter(environment.Limits.Silence);
                _lastAnswer = environment.Time.GetTimestamp();
                _lastEventId = events.LastEventId is { Length: > 0 } last ? last : _lastEventId;
                if (item.EventType == EndEvent)
                {
                    break;
                }

                await PrintAsync(item.Data, either.Token);
            }

            return LogState.Ended;
        }
        catch (ApiException exception)
        {
            return exception.IsTransient ? LogState.Broken : LogState.NotOffered;
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return LogState.Broken;
        }
    }

    /// <summary>The release as it is now, or as it was where the server is away for a moment.</summary>
    private async Task<ApiRelease> RefreshAsync(ApiRelease release, CancellationToken cancellationToken)
    {
        try
        {
            var current = await client.GetReleaseAsync(release.Id, cancellationToken);
            _lastAnswer = environment.Time.GetTimestamp();
            TellStatus(current);
            return current;
        }
        catch (ApiException exception) when (exception.IsTransient && environment.Time.GetElapsedTime(_lastAnswer) < environment.Limits.Unreachable)
        {
            return release;
        }
    }

    /// <summary>The log is an extra here: the release's status is what counts.</summary>
    private async Task PrintWholeLogAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            await PrintAsync((await client.GetLogAsync(id, cancellationToken)).TrimEnd('\n'), cancellationToken);
        }
        catch (Exception exception) when (exception is ApiException or IOException or HttpRequestException)
        {
            await environment.Error.WriteLineAsync($"releasebot: the log can't be had: {exception.Message}".AsMemory(), cancellationToken);
        }
    }

    private async Task PrintAsync(string lines, CancellationToken cancellationToken)
    {
        _hasPrinted = true;
        await environment.Out.WriteLineAsync(TerminalText.Clean(lines).AsMemory(), cancellationToken);
        await environment.Out.FlushAsync(cancellationToken);
    }

    private void TellStatus(ApiRelease release)
    {
        // A release that waits stays in its status and says why, so the reason counts too.
        var status = release is { IsFinal: false, Reason: { } reason } ? $"{release.Status}: {reason.Message}" : release.Status;
        if (status != _status)
        {
            environment.Error.WriteLine($"releasebot: {TerminalText.Clean(status)}");
            _status = status;
        }
    }
}
