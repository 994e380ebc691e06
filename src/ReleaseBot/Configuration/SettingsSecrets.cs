using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

/// <summary>Everything that must never show in a log.</summary>
internal static class SettingsSecrets
{
    /// <summary>A shorter value, as true or 8080, is no secret, and masking it would blot out half of a log.</summary>
    private const int ShortestValue = 6;

    /// <summary>Each secret and the parts of it that may stand alone somewhere; each value once, longest first, so that a whole is masked before its part.</summary>
    public static IReadOnlyList<Secret> All(ReleaseBotSettings settings) =>
    [
        .. Gather(settings).Where(secret => !string.IsNullOrWhiteSpace(secret.Reveal())).Distinct().OrderByDescending(secret => secret.Reveal().Length),
    ];

    private static IEnumerable<Secret> Gather(ReleaseBotSettings settings)
    {
        IEnumerable<Secret?> whole =
        [
            settings.GitLab.Token,
            .. settings.GitLab.Webhook.Secrets,
            .. settings.Registries.Values.Select(registry => registry.Password),
            .. settings.Access.Tokens.Select(token => token.Secret),
        ];
        var signing = settings.GitLab.Webhook.SigningTokens.Concat(settings.Channels.Values.Select(channel => channel.SigningToken).OfType<Secret>());
        return whole.OfType<Secret>()
            .Concat(signing.SelectMany(WithKey))
            .Concat(settings.Projects.SelectMany(rule => rule.BuildSecrets.Values).SelectMany(WithParts))
            .Concat(settings.Channels.Values.SelectMany(channel => WithPath(channel.Url)))
            .Concat(ConnectionStrings.Credentials(settings.Storage.ConnectionString.Reveal()))
            .Concat(settings.Bus.Uri is { } uri ? ConnectionStrings.UrlCredentials(uri.Reveal()) : []);
    }

    private static IEnumerable<Secret> WithKey(Secret token) => [token, new Secret(token.Reveal()[SecretTypes.SigningPrefix.Length..])];

    /// <summary>
    /// A build may print a secret of several lines line by line, and of <c>KEY=value</c> or <c>"key": "value"</c> the value alone: what follows
    /// the first <c>=</c> and the first <c>:</c> of a line, without quotes.
    /// </summary>
    private static IEnumerable<Secret> WithParts(Secret secret)
    {
        yield return secret;
        foreach (var line in secret.Reveal().Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            yield return new Secret(line);
            foreach (var at in new[] { line.IndexOf('='), line.IndexOf(':') }.Where(at => at >= 0))
            {
                var value = line[(at + 1)..].Trim(' ', '\t', '"', '\'', ',', ';');
                if (value.Length >= ShortestValue)
                {
                    yield return new Secret(value);
                }
            }
        }
    }

    /// <summary>Network code names a host and a path separately; the path is what a chat's hook URL keeps secret.</summary>
    private static IEnumerable<Secret> WithPath(Secret url)
    {
        yield return url;
        if (Uri.TryCreate(url.Reveal(), UriKind.Absolute, out var uri))
        {
            foreach (var part in new[] { uri.AbsoluteUri, uri.PathAndQuery, uri.AbsolutePath }.Where(part => part.Length > 1))
            {
                yield return new Secret(part);
            }

            foreach (var part in ConnectionStrings.UrlCredentials(url.Reveal()))
            {
                yield return part;
            }
        }
    }
}
