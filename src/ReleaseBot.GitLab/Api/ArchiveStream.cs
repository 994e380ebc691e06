using System.IO.Pipelines;
using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <summary>
/// An archive on its way from GitLab: sent from now on, whether or not anybody reads it yet, as far as it can be kept. Its response ends with it, and a
/// minute without a byte ends it as unavailable.
/// </summary>
internal sealed class ArchiveStream : ReadOnlyStream
{
    /// <summary>What is kept at the most before it is read, in bytes; most archives are smaller.</summary>
    public const int Limit = 4 << 20;

    /// <summary>What is received at once at the most, in bytes.</summary>
    private const int Segment = 64 << 10;

    private static readonly TimeSpan Inactivity = TimeSpan.FromSeconds(60);

    private readonly HttpResponseMessage _response;
    private readonly Stream _body;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _over = new();
    private readonly Stream _kept;
    private readonly Task _receiving;

    public ArchiveStream(HttpResponseMessage response, Stream body, TimeProvider time)
    {
        (_response, _body, _time) = (response, body, time);
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: Limit, resumeWriterThreshold: Limit / 2, minimumSegmentSize: Segment, useSynchronizationContext: false));
        _kept = pipe.Reader.AsStream();
        _receiving = ReceiveAsync(pipe.Writer, _over.Token);
    }

    /// <exception cref="GitLabException">GitLab fell silent, or the connection broke off; what is kept of it is of no use then.</exception>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _kept.ReadAsync(buffer, cancellationToken);

    public override async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _receiving;
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _over.Cancel();
            _kept.Dispose();
            _body.Dispose();
            _response.Dispose();
        }

        base.Dispose(disposing);
    }

    private async Task ReceiveAsync(PipeWriter kept, CancellationToken over)
    {
        Exception? fault = null;
        try
        {
            while (await ReceiveAsync(kept.GetMemory(), over) is > 0 and var count)
            {
                kept.Advance(count);
                await kept.FlushAsync(over);
            }
        }
        catch (Exception exception)
        {
            fault = exception;
        }

        await kept.CompleteAsync(fault);
    }

    private async Task<int> ReceiveAsync(Memory<byte> buffer, CancellationToken over)
    {
        using var timeout = new CancellationTokenSource(Inactivity, _time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, over);
        try
        {
            return await _body.ReadAsync(buffer, linked.Token);
        }
        catch (OperationCanceledException e) when (timeout.IsCancellationRequested && !over.IsCancellationRequested)
        {
            throw new GitLabException(GitLabFault.Unavailable,
                $"GitLab sent nothing more of the source archive for {Inactivity.TotalSeconds:0} s.", innerException: e);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw new GitLabException(GitLabFault.Unavailable, "The connection to GitLab broke off within the source archive.", innerException: e);
        }
    }
}
