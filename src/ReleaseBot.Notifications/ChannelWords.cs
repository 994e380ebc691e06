using ReleaseBot.Core;

namespace ReleaseBot.Notifications;

/// <summary>What a channel answered, in a form that may be stored and shown: short, on one line, and without any part of the channel's address or token.</summary>
internal static class ChannelWords
{
    /// <summary>Characters that are kept.</summary>
    public const int MaxLength = 200;

    /// <summary>Bytes of an answer that are read.</summary>
    public const int MaxBytes = 4096;

    // Shorter pieces of an address ("api", "v1") give nothing away, and taking them out would maul the text.
    private const int MinSecretLength = 6;

    /// <param name="answer">As much of the answer as was read.</param>
    /// <param name="wasCut">Whether there was more.</param>
    public static string Clean(string answer, bool wasCut, ChannelSettings channel)
    {
        var secrets = Secrets(channel);
        var text = answer;
        foreach (var secret in secrets)
        {
            text = text.Replace(secret, "***", StringComparison.OrdinalIgnoreCase);
        }

        if (wasCut && secrets.Count > 0)
        {
            // The cut may have gone through a secret, whose beginning would then stand at the end, unrecognised.
            text = text[..Math.Max(0, text.Length - secrets[0].Length)];
        }

        return DisplayText.Isolate(DisplayText.Cut(DisplayText.Clean(text).Trim(), MaxLength - 2));
    }

    /// <summary>The address, its pieces and the token, the longest first, so that none is taken apart by a shorter one within it.</summary>
    private static List<string> Secrets(ChannelSettings channel)
    {
        List<string> secrets = [channel.Url.Reveal()];
        if (channel.SigningToken is { } token)
        {
            secrets.AddRange([token.Reveal(), token.Reveal().Replace("whsec_", "", StringComparison.Ordinal)]);
        }

        if (Uri.TryCreate(channel.Url.Reveal(), UriKind.Absolute, out var address))
        {
            secrets.AddRange([address.AbsoluteUri, address.PathAndQuery, address.AbsolutePath, address.Authority, address.Host]);
            string[] parts = [.. address.UserInfo.Split(':'), .. address.PathAndQuery.Split('/', '?', '&', '=')];
            secrets.AddRange(parts);
            secrets.AddRange(parts.Select(Uri.UnescapeDataString));
        }

        return [.. secrets.Where(secret => secret.Length >= MinSecretLength).Distinct().OrderByDescending(secret => secret.Length)];
    }
}
