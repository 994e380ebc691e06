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
internal sealed class LogStream(HttpContext context, Guid releaseId, LogFollowers.Follower follower, ReleaseLogStore logs, TimeProvider time)
{
    private const int PiecesAtATime = 4;

    /// <summary>Proxies cut a connection that is silent for a minute or less.</summary>
    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(15);

    private readonly PipeWriter _writer = context.Response.BodyWriter;

    public static void SetHeaders(HttpResponse response)
    {
        response.ContentType = "text/event-stream; charset=utf-8";
        // nginx buffers otherwise.
        response.Headers["X-Accel-Buffering"] = "no";
    }

    public async Task WriteAsync(long after, CancellationToken cancellationToken)
    {
        Start();
        await _writer.FlushAsync(cancellationToken);
        while (true)
        {
            switch (follower.After(after))
            {
                case FeedStep.Pieces pieces:
                    after = await WriteAsync(pieces.Items, cancellationToken) ?? after;
                    break;
                case FeedStep.Behind behind:
                    // Where nothing is there to catch up with, it was removed meanwhile.
                    after = await WriteAsync(await logs.ReadAsync(releaseId, after, PiecesAtATime, cancellationToken), cancellationToken) ?? behind.Last;
                    break;
                case FeedStep.Wait wait:
                    await WaitAsync(wait.Changed, cancellationToken);
                    break;
                case FeedStep.Lost:
                    // Without an end: a reader of events comes again by itself.
                    return;
                case FeedStep.Ended ended:
                    Write($"event: end\ndata: {ended.Status?.ToText() ?? "gone"}\n\n");
                    await _writer.FlushAsync(cancellationToken);
                    return;
            }
        }
    }

    /// <summary>Returns the number of the last piece; null where there is none.</summary>
    private async Task<long?> WriteAsync(IReadOnlyList<LogPiece> pieces, CancellationToken cancellationToken)
    {
        foreach (var piece in pieces)
        {
            WritePiece(piece);
            await _writer.FlushAsync(cancellationToken);
        }

        return pieces.Count > 0 ? pieces[^1].Sequence : null;
    }

    private async Task WaitAsync(Task changed, CancellationToken cancellationToken)
    {
        try
        {
            await changed.WaitAsync(HeartbeatInterval, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            Write(":\n\n");
            await _writer.FlushAsync(cancellationToken);
        }
    }

    private void Start()
    {
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        SetHeaders(context.Response);
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
