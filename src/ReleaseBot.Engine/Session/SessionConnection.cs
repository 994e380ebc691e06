using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace ReleaseBot.Engine.Session;

/// <summary>The upgraded stream of one build, as Kestrel sees it: a connection that carries its build with it.</summary>
internal sealed class SessionConnection : DefaultConnectionContext
{
    private readonly Stream _stream;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SessionConnection(Stream stream, BuildSession session)
        : base(session.Id)
    {
        _stream = stream;
        Transport = new DuplexPipe(PipeReader.Create(stream), PipeWriter.Create(stream));
        Items[typeof(BuildSession)] = session;
    }

    /// <summary>Ends when Kestrel is done with the connection.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Says goodbye in order (GOAWAY); the engine then hangs up.</summary>
    public void RequestClose() => Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();

    public override void Abort(ConnectionAbortedException abortReason)
    {
        _stream.Dispose();
        base.Abort(abortReason);
    }

    public override async ValueTask DisposeAsync()
    {
        try
        {
            await Transport.Input.CompleteAsync();
            await Transport.Output.CompleteAsync();
        }
        catch (Exception fault) when (fault is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // What could not be flushed any more was for an engine that has hung up.
        }

        await _stream.DisposeAsync();
        await base.DisposeAsync();
        _ended.TrySetResult();
    }

    private sealed class DuplexPipe(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input { get; } = input;

        public PipeWriter Output { get; } = output;
    }
}
