namespace ReleaseBot.Registries;

/// <summary>Reads the small bodies of a registry: whole, but never more than a set size nor for longer than a set time.</summary>
internal static class Bodies
{
    /// <summary>Null where the body is larger than <paramref name="limit"/>.</summary>
    public static async Task<byte[]?> ReadAsync(HttpResponseMessage response, int limit, CancellationToken cancellationToken)
    {
        if (response.Content.Headers.ContentLength > limit)
        {
            return null;
        }

        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var whole = new MemoryStream();
        var buffer = new byte[16 * 1024];
        for (int count; (count = await body.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            if (whole.Length + count > limit)
            {
                return null;
            }

            whole.Write(buffer, 0, count);
        }

        return whole.ToArray();
    }

    /// <summary>The body of a refusal. It only explains the status, so whatever goes wrong with it says nothing.</summary>
    public static async Task<ErrorBody> ReadErrorAsync(
        HttpResponseMessage response, RegistryLimits limits, TimeProvider time, CancellationToken cancellationToken)
    {
        using var watchdog = new Watchdog(limits.Headers, time, cancellationToken);
        try
        {
            return await ReadAsync(response, limits.ErrorBytes, watchdog.Token) is { } bytes ? ErrorBody.Parse(bytes) : ErrorBody.None;
        }
        catch (OperationCanceledException) when (watchdog.HasBitten)
        {
            return ErrorBody.None;
        }
        catch (Exception exception) when (Transient.IsNetwork(exception))
        {
            return ErrorBody.None;
        }
    }
}
