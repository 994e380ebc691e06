using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace ReleaseBot.Chaos;

/// <summary>
/// Follows a release's log as a browser's EventSource does: over a cut it comes again with <c>Last-Event-ID</c>, until the event <c>end</c>. Only a
/// cut is borne; an answer that is no stream is a request that failed.
/// </summary>
internal sealed class LogFollower(HttpClient http, Uri front, Guid release)
{
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(500);

    private readonly StringBuilder _text = new();
    private long _last;

    /// <summary>How often the stream was cut.</summary>
    public int Cuts { get; private set; }

    /// <summary>What was read.</summary>
    public string Text => _text.ToString();

    /// <returns>What should not have been; null where all was well.</returns>
    public async Task<string?> FollowAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                if (await ReadAsync(cancellationToken) is { } outcome)
                {
                    return outcome.Complaint;
                }
            }
            catch (Exception exception) when (exception is IOException or HttpIOException)
            {
                // Cut.
            }
            catch (HttpRequestException exception)
            {
                return $"the log of {release} could not be followed: {exception.Message}";
            }

            Cuts++;
            await Task.Delay(Retry, TimeProvider.System, cancellationToken);
        }
    }

    /// <returns>Null where the stream ended without the event <c>end</c>.</returns>
    private async Task<Outcome?> ReadAsync(CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(front, $"api/v1/releases/{release}/log"));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
        if (_last > 0)
        {
            request.Headers.Add("Last-Event-ID", _last.ToString(CultureInfo.InvariantCulture));
        }

        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            return new Outcome($"the log of {release} was answered {(int)response.StatusCode}");
        }

        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        long? id = null;
        var piece = new StringBuilder();
        var isEnd = false;
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                id = long.Parse(line["id: ".Length..], CultureInfo.InvariantCulture);
            }
            else if (line == "event: end")
            {
                isEnd = true;
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                piece.Append(line["data: ".Length..]).Append('\n');
            }
            else if (line.Length == 0 && isEnd)
            {
                return new Outcome(null);
            }
            else if (line.Length == 0 && id is { } number)
            {
                // An event counts when its empty line is there: half a one is sent again. The log of a later attempt, where no earlier one left any,
                // begins at a million or more.
                if (number != _last + 1 && !(_last == 0 && number % 1_000_000 == 1))
                {
                    return new Outcome($"the log of {release} went from piece {_last} to {number}");
                }

                (_last, id) = (number, null);
                _text.Append(piece);
                piece.Clear();
            }
        }

        return null;
    }

    private sealed record Outcome(string? Complaint);
}
