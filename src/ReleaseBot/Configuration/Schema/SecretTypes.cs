using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

/// <summary>The kinds of secrets. What they find wrong never quotes the value.</summary>
internal static class SecretTypes
{
    /// <summary>Standard Webhooks' prefix of a symmetric signing key.</summary>
    public const string SigningPrefix = "whsec_";

    /// <summary>A shared secret that is shorter can be guessed.</summary>
    public const int ShortestSharedSecret = 16;

    private const int ShortestSigningKey = 16;

    public static SettingType<Secret> Any { get; } = new("secret", "a value that is not empty", text => Parsed<Secret>.Of(new Secret(text)), Secrecy.Secret);

    /// <summary>Goes into an HTTP header.</summary>
    public static SettingType<Secret> HeaderValue { get; } = new("secret", "one line without spaces around it",
        text => IsHeaderValue(text) ? Parsed<Secret>.Of(new Secret(text)) : Parsed<Secret>.Illegal(), Secrecy.Secret);

    /// <summary>Comes in an HTTP header, and is all that is asked of a caller.</summary>
    public static SettingType<Secret> Shared { get; } = new("secret", $"one line of at least {ShortestSharedSecret} characters without spaces around it",
        text => text.Length < ShortestSharedSecret ? Parsed<Secret>.Illegal($"it has only {text.Length}")
            : IsHeaderValue(text) ? Parsed<Secret>.Of(new Secret(text)) : Parsed<Secret>.Illegal(), Secrecy.Secret);

    public static SettingType<Secret> SigningToken { get; } = new("secret", $"{SigningPrefix} and the base64 of at least {ShortestSigningKey} bytes",
        text => IsSigningToken(text) ? Parsed<Secret>.Of(new Secret(text)) : Parsed<Secret>.Illegal(), Secrecy.Secret);

    public static SettingType<Secret> WebAddress { get; } = new("secret URL", "an absolute http or https URL",
        text => Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.Host.Length > 0
            ? Parsed<Secret>.Of(new Secret(text))
            : Parsed<Secret>.Illegal(), Secrecy.Secret);

    public static SettingType<Secret> BrokerAddress { get; } = new("URL with credentials", "amqp:// or amqps://, USER:PASSWORD@HOST:PORT/VHOST",
        text => Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "amqp" or "amqps" && uri.Host.Length > 0 && uri.AbsolutePath.LastIndexOf('/') <= 0
            ? Parsed<Secret>.Of(new Secret(text))
            : Parsed<Secret>.Illegal(), Secrecy.HoldsCredentials);

    public static SettingType<Secret> ConnectionString { get; } = new("connection string", "KEY=VALUE pairs separated by semicolons",
        text => ConnectionStrings.TryParse(text, out _) ? Parsed<Secret>.Of(new Secret(text)) : Parsed<Secret>.Illegal(), Secrecy.HoldsCredentials);

    private static bool IsHeaderValue(string text) => text.Trim() == text && text.All(c => c is > ' ' and < (char)127 or ' ');

    private static bool IsSigningToken(string text)
    {
        if (!text.StartsWith(SigningPrefix, StringComparison.Ordinal))
        {
            return false;
        }

        var key = new byte[text.Length];
        return Convert.TryFromBase64String(text[SigningPrefix.Length..], key, out var length) && length >= ShortestSigningKey;
    }
}
