using System.Net;
using System.Net.Http.Headers;

namespace ReleaseBot.Engine.Connection;

/// <summary>
/// A request body that a callback writes, sent in chunks and never held. It tells afterwards whose fault a failure was:
/// the callback's (<see cref="WriterFault"/>) or the connection's.
/// </summary>
internal sealed class StreamedContent : HttpContent
{
    private readonly Func<Stream, CancellationToken, Task> _write;

    public StreamedContent(Func<Stream, CancellationToken, Task> write)
    {
        _write = write;
        Headers.ContentType = new MediaTypeHeaderValue("application/x-tar");
    }

    /// <summary>What the callback threw by itself; null when it did not, or when the connection broke under it.</summary>
    public Exception? WriterFault { get; private set; }

    /// <summary>The whole body went out.</summary>
    public bool IsSent { get; private set; }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var body = new BodyStream(stream);
        try
        {
            await _write(body, cancellationToken);
            IsSent = true;
        }
        catch (Exception fault)
        {
            // Rethrown in any case: only a body that breaks off keeps the engine from building what came so far.
            WriterFault = body.IsBroken || cancellationToken.IsCancellationRequested ? null : fault;
            throw;
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    /// <summary>Passes writes on and remembers whether the connection refused one.</summary>
    private sealed class BodyStream(Stream target) : WriteOnlyStream
    {
        public bool IsBroken { get; private set; }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            try
            {
                await target.WriteAsync(buffer, cancellationToken);
            }
            catch
            {
                IsBroken = true;
                throw;
            }
        }

        public override async Task FlushAsync(CancellationToken cancellationToken)
        {
            try
            {
                await target.FlushAsync(cancellationToken);
            }
            catch
            {
                IsBroken = true;
                throw;
            }
        }
    }
}
