using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using ReleaseBot.Engine.Building;

namespace ReleaseBot.Engine.Pushing;

/// <summary>Sorts what a registry, or the engine on its way there, says of a failed push. There is no code to go by, only words.</summary>
internal static partial class PushFaults
{
    public static PushFault Sort(string message) =>
        Away().IsMatch(message) ? PushFault.Unavailable
        : Missing().IsMatch(message) ? PushFault.ImageMissing
        : NotLoggedIn().IsMatch(message) ? PushFault.NotLoggedIn
        : NotAllowed().IsMatch(message) ? PushFault.Denied
        : PushFault.Refused;

    /// <summary>The seconds that are left before the engine tries a layer again, of <c>Retrying in 10 seconds</c>; null for any other status.</summary>
    public static int? Countdown(string? status) =>
        status is not null && Retrying().Match(status) is { Success: true } match ? int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : null;

    /// <summary>The registry's words without what we logged in with, and on one line; where it had none, its status and not the engine's trouble to read them.</summary>
    public static string Redact(string message, RegistryCredential? credential)
    {
        message = UserInfo().Replace(LogText.Clean(message.ReplaceLineEndings(" ")), "://");
        message = NoWords().Replace(message, "the registry answered the engine with HTTP $1, and no words of its own");
        if (credential is null)
        {
            return message;
        }

        var password = credential.Password.Reveal();
        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.Username}:{password}"));
        foreach (var secret in new[] { basic, Uri.EscapeDataString(password), password })
        {
            message = secret.Length == 0 ? message : message.Replace(secret, "***", StringComparison.Ordinal);
        }

        return message;
    }

    // The error codes are those of the distribution API (distribution/distribution registry/api/errcode), as the engine prints them: lower case, a colon, the registry's text.
    [GeneratedRegex(
        @"^(?:toomanyrequests|unavailable|unknown):|connection refused|connection reset|connection timed out|broken pipe|\bEOF\b|i/o timeout|no such host|handshake timeout|deadline exceeded|Client\.Timeout|request canceled|server misbehaving|temporary failure in name resolution|network is unreachable|no route to host|use of closed network connection|server closed|\b(?:HTTP|HTTP status|status code|status)[: ]+(?:408|429|5\d\d)\b|\b(?:408 Request Timeout|429 Too Many|50[0234] [A-Z])",
        RegexOptions.IgnoreCase)]
    private static partial Regex Away();

    [GeneratedRegex(@"^Retrying in (\d{1,4}) seconds?$")]
    private static partial Regex Retrying();

    [GeneratedRegex("does not exist locally|no such image|No such image", RegexOptions.IgnoreCase)]
    private static partial Regex Missing();

    [GeneratedRegex("^unauthorized: authentication required|no basic auth credentials", RegexOptions.IgnoreCase)]
    private static partial Regex NotLoggedIn();

    [GeneratedRegex(
        @"unauthorized|\bdenied\b|forbidden|insufficient_scope|authorization failed|authentication required|incorrect username or password|\b(?:401|403)\b",
        RegexOptions.IgnoreCase)]
    private static partial Regex NotAllowed();

    [GeneratedRegex(@"^error parsing HTTP (\d{3}) response body: .*$")]
    private static partial Regex NoWords();

    [GeneratedRegex(@"://[^/\s""@]+@")]
    private static partial Regex UserInfo();
}
