using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>
/// Keeps a release held while GitLab is asked about it, however long GitLab takes. Short, since nothing but a row is at stake: where two processes ask
/// at once, the fence has the later one's answer count, so the one that is killed need not be waited for long.
/// </summary>
internal sealed class VerificationLease : IAsyncDisposable
{
    public static readonly TimeSpan Length = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _run;
    private readonly CancellationTokenSource _done = new();
    private Task _keeper = Task.CompletedTask;

    private VerificationLease(CancellationToken stopping) => _run = CancellationTokenSource.CreateLinkedTokenSource(stopping);

    /// <summary>Ends when the process stops, or another has the release.</summary>
    public CancellationToken Token => _run.Token;

    public bool IsLost { get; private set; }

    public static VerificationLease Keep(VerificationQueue queue, VerificationJob job, TimeProvider time, CancellationToken stopping)
    {
        var lease = new VerificationLease(stopping);
        lease._keeper = Task.Run(() => lease.KeepAsync(queue, job, time), CancellationToken.None);
        return lease;
    }

    public async ValueTask DisposeAsync()
    {
        await _done.CancelAsync();
        await _keeper;
        _run.Dispose();
        _done.Dispose();
    }

    private async Task KeepAsync(VerificationQueue queue, VerificationJob job, TimeProvider time)
    {
        try
        {
            while (true)
            {
                await Task.Delay(RenewEvery, time, _done.Token);
                if (!await RenewAsync(queue, job, time))
                {
                    IsLost = true;
                    await _run.CancelAsync();
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (_done.IsCancellationRequested)
        {
            // The question is answered.
        }
    }

    /// <summary>A database that is away takes nothing from us but time: nobody else can claim the release meanwhile, and the next beat tells.</summary>
    private async Task<bool> RenewAsync(VerificationQueue queue, VerificationJob job, TimeProvider time)
    {
        using var limit = new CancellationTokenSource(Length, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _done.Token);
        try
        {
            return await queue.RenewAsync(job, Length, either.Token);
        }
        catch (Exception) when (!_done.IsCancellationRequested)
        {
            return true;
        }
    }
}
