using ReleaseBot.Engine.Connection;

namespace ReleaseBot.Engine;

/// <summary>
/// The beginning of a context, held back until it is known whether that is all. A small one can be given to the builder file by file from memory, which
/// spares it unpacking and copying what was sent; a large one goes on as a stream, its beginning first.
/// </summary>
internal sealed class ContextStart : WriteOnlyStream
{
    /// <summary>What is held at the most, in bytes of tar.</summary>
    public const int Limit = 8 << 20;

    private readonly TaskCompletionSource _overflows = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Stream> _body = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop;
    private readonly Task _writing;
    private Stream? _target;

    private ContextStart(Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _writing = write(this, _stop.Token);
    }

    /// <summary>Lets the context be written. What the writer throws comes out of <see cref="FitsAsync"/> or <see cref="ContinueAsync"/>, unchanged.</summary>
    public static ContextStart Begin(Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) => new(write, cancellationToken);

    /// <summary>Whether the whole context is held; then it is <see cref="Held"/>.</summary>
    public async Task<bool> FitsAsync()
    {
        if (await Task.WhenAny(_writing, _overflows.Task) == _overflows.Task)
        {
            return false;
        }

        await _writing;
        return true;
    }

    /// <summary>What was written, as long as it fits.</summary>
    public MemoryStream Held { get; private set; } = new();

    /// <summary>Has one that does not fit written to its end.</summary>
    public async Task ContinueAsync(Stream body, CancellationToken cancellationToken)
    {
        await using (cancellationToken.Register(_stop.Cancel))
        {
            _body.TrySetResult(body);
            await _writing;
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_target is null && Held.Length + buffer.Length <= Limit)
        {
            Held.Write(buffer.Span);
            return;
        }

        _target ??= await PassOnAsync(cancellationToken);
        await _target.WriteAsync(buffer, cancellationToken);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => _target?.FlushAsync(cancellationToken) ?? Task.CompletedTask;

    /// <summary>A writer that still waits is ended, and waited for.</summary>
    public override async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        await base.DisposeAsync();
    }

    private async Task<Stream> PassOnAsync(CancellationToken cancellationToken)
    {
        _overflows.TrySetResult();
        var body = await _body.Task.WaitAsync(cancellationToken);
        Held.Position = 0;
        await Held.CopyToAsync(body, cancellationToken);
        Held = new MemoryStream();
        return body;
    }
}
