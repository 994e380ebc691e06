using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>
/// A log as server-sent events: a piece is an event whose id is its sequence number, each of its lines a <c>data:</c> line; when the release
/// has ended and all is sent, the event <c>end</c> carries its status. Whoever reads slowly is waited for; nothing is kept for them.
/// </summary>
/// <seealso href="https://html.spec.whatwg.org/multipage/server-sent-events.html"/>
internal sealed class LogStream(HttpContext context, Guid releaseId, LogFollowers.Follower follower, HistoryQueries history, ReleaseLogStore logs, TimeProvider time)
{
    private const int PiecesAtATime = 4;

    /// <summary>How long a piece that another process wrote may go unnoticed.</summary>
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    /// <summary>Proxies cut a connection that is silent for a minute or less.</summary>
    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(15);

    private readonly PipeWriter _writer = context.Response.BodyWriter;

    public async Task WriteAsync(long after, CancellationToken cancellationToken)
    {
        Start();
        await _writer.FlushAsync(cancellationToken);
        var lastSent = time.GetTimestamp();
        while (true)
        {
            // The status first: what is appended after it was read is not missed, since nothing is appended to a release that has ended.
            var status = await history.StatusAsync(releaseId, cancellationToken);
            var pieces = await logs.ReadAsync(releaseId, after, PiecesAtATime, cancellationToken);
            foreach (var piece in pieces)
            {
                WritePiece(piece);
                await _writer.FlushAsync(cancellationToken);
                (after, lastSent) = (piece.Sequence, time.GetTimestamp());
            }

            if (pieces.Count > 0)
            {
                continue;
            }

            if (status is null || status.Value.IsFinal())
            {
                Write($"event: end\ndata: {status?.ToText() ?? "gone"}\n\n");
                await _writer.FlushAsync(cancellationToken);
                return;
            }

            if (time.GetElapsedTime(lastSent) >= HeartbeatInterval)
            {
                Write(":\n\n");
                await _writer.FlushAsync(cancellationToken);
                lastSent = time.GetTimestamp();
            }

            await follower.WaitAsync(PollInterval, cancellationToken);
        }
    }

    private void Start()
    {
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        // nginx buffers otherwise.
        context.Response.Headers["X-Accel-Buffering"] = "no";
        Write("retry: 2000\n\n");
    }

    private void WritePiece(LogPiece piece)
    {
        Write(string.Create(CultureInfo.InvariantCulture, $"id: {piece.Sequence}\n"));
        var text = piece.Text.Span;
        // The piece ends with a line break; what is behind it is no line.
        text = text is [.. var whole, (byte)'\n'] ? whole : text;
        text = text is [.. var line, (byte)'\r'] ? line : text;
        while (true)
        {
            // A carriage return ends a line in this format too, so a progress bar becomes lines.
            var end = text.IndexOfAny((byte)'\n', (byte)'\r');
            _writer.Write("data: "u8);
            _writer.Write(end < 0 ? text : text[..end]);
            _writer.Write("\n"u8);
            if (end < 0)
            {
                break;
            }

            text = text[end] == '\r' && end + 1 < text.Length && text[end + 1] == '\n' ? text[(end + 2)..] : text[(end + 1)..];
        }

        _writer.Write("\n"u8);
    }

    private void Write(string text) => Encoding.UTF8.GetBytes(text, _writer);
}
