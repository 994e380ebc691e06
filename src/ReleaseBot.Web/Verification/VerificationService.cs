using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Takes accepted releases off the history and has them verified, a few at a time, so that one slow answer of GitLab holds up nobody else's.</summary>
internal sealed class VerificationService(
    VerificationQueue queue, Verifier verifier, [FromKeyedServices(WakeUps.Verify)] WakeUp wakeUp, TimeProvider time, ILogger<VerificationService> logger)
    : BackgroundService
{
    private const int AtOnce = 4;

    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan WaitCap = TimeSpan.FromSeconds(30);
    private readonly LoopPace _pace = new("Verifying releases", Poll, WaitCap, time, logger);
    private readonly string _owner = $"{Environment.MachineName}/{Environment.ProcessId}";

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Enumerable.Range(0, AtOnce).Select(_ => RunAsync(stoppingToken)));

    private async Task RunAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await queue.ClaimAsync(_owner, VerificationLease.Length, stoppingToken) is { } job)
                {
                    wakeUp.Set();
                    await VerifyAsync(job, stoppingToken);
                    _pace.Succeeded();
                    continue;
                }
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                await _pace.BearAsync(exception, stoppingToken);
                continue;
            }

            await wakeUp.WaitAsync(Poll, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task VerifyAsync(VerificationJob job, CancellationToken stoppingToken)
    {
        await using var lease = VerificationLease.Keep(queue, job, time, stoppingToken);
        try
        {
            await verifier.VerifyAsync(job, lease.Token);
        }
        catch (OperationCanceledException) when (lease.IsLost)
        {
            // Another process asks about it.
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            await HandBackAsync(job);
            throw;
        }
    }

    /// <summary>So that another process asks at once. If that can't be written, the lease ends soon.</summary>
    private async Task HandBackAsync(VerificationJob job)
    {
        using var limit = new CancellationTokenSource(LastWords, time);
        try
        {
            await queue.HandBackAsync(job, limit.Token);
        }
        catch (Exception)
        {
            // The lease ends soon.
        }
    }
}
