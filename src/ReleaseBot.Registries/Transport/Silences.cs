using System.Collections.Concurrent;

namespace ReleaseBot.Registries;

/// <summary>
/// Hosts that take connections and do not answer. Once one request has waited in vain, nobody else does: further ones fail at once, so that
/// no slot is held for a registry that hangs, while a single listener asks the host until it says anything at all.
/// </summary>
internal sealed class Silences(HttpMessageInvoker http, RegistryLimits limits, TimeProvider time) : IDisposable
{
    private readonly ConcurrentDictionary<string, DateTimeOffset> _silent = new(StringComparer.OrdinalIgnoreCase);
    private readonly CancellationTokenSource _end = new();

    /// <param name="about">What is wanted of the host, as in every message.</param>
    /// <exception cref="RegistryException">The host is silent.</exception>
    public void ThrowIfSilent(Uri address, string about)
    {
        if (_silent.TryGetValue(address.Authority, out var since))
        {
            throw Failures.Silent(about, address.Authority, since);
        }
    }

    /// <summary>Takes note that a request to the host ran into its limit, and returns the fault.</summary>
    /// <param name="address">Null where an answer does not tell whose it is.</param>
    public RegistryException Begin(Uri? address, RegistryException fault)
    {
        if (address is not null && !_end.IsCancellationRequested && _silent.TryAdd(address.Authority, time.GetUtcNow()))
        {
            _ = ListenAsync(new Uri(address, "/v2/"), _end.Token);
        }

        return fault;
    }

    /// <summary>Asks a host for anything at all.</summary>
    /// <exception cref="RegistryException">It is silent.</exception>
    public async Task PingAsync(Uri address, string about, CancellationToken cancellationToken)
    {
        ThrowIfSilent(address, about);
        if (!await AnswersAsync(address, cancellationToken))
        {
            throw Begin(address, Failures.Silent(about, address.Authority, time.GetUtcNow()));
        }
    }

    // The source has no timer that would need disposal, and a listener may still hold its token.
    public void Dispose() => _end.Cancel();

    /// <summary>Never throws. A host that stays silent is forgotten after a while, and the next request finds out anew.</summary>
    private async Task ListenAsync(Uri address, CancellationToken end)
    {
        try
        {
            for (var tries = 0; tries < limits.SilenceProbes && !await AnswersAsync(address, end); tries++)
            {
                await Task.Delay(limits.SilencePause, time, end);
            }
        }
        catch (OperationCanceledException)
        {
            // The client is done with.
        }

        _silent.TryRemove(address.Authority, out _);
    }

    /// <summary>Whether anything comes back: a refusal will do, be it of the request or of the connection, for that is told at once too.</summary>
    private async Task<bool> AnswersAsync(Uri address, CancellationToken end)
    {
        using var watchdog = new Watchdog(limits.Headers, time, end);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            using var response = await http.SendAsync(request, watchdog.Token);
            return true;
        }
        catch (OperationCanceledException) when (watchdog.HasBitten)
        {
            return false;
        }
        catch (Exception exception) when (Transient.IsNetwork(exception))
        {
            return true;
        }
    }
}
