using System.Globalization;
using System.Net;
using System.Text.Json;
using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <summary>Turns GitLab's refusals into exceptions that say what to do.</summary>
internal static class GitLabFaults
{
    private const int MaxQuoteLength = 300;
    internal static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    /// <param name="what">What was asked, for the message, e.g. <c>the tag v1.2.3</c>.</param>
    /// <param name="scope">The scope that the token needs for it, e.g. <c>read_api</c>.</param>
    public static GitLabException From(HttpResponseMessage response, ReadOnlySpan<byte> body, string what, string scope, TimeProvider time, Secret? token)
    {
        var status = (int)response.StatusCode;
        var said = Quote(body, token);
        return response.StatusCode switch
        {
            HttpStatusCode.Unauthorized when token is null => new(GitLabFault.Denied, $"GitLab wants a token (401) for {what}, and GitLab:Token is not set: it needs the scope {scope}.{said}"),
            HttpStatusCode.Unauthorized => new(GitLabFault.Denied,
                $"GitLab does not accept the token (401) for {what}: GitLab:Token must be a valid token with the scope {scope}.{said}"),
            HttpStatusCode.Forbidden => new(GitLabFault.Denied,
                $"GitLab refuses {what} (403): the token needs the scope {scope}, and its user a role in the project that may do this.{said}"),
            HttpStatusCode.NotFound => new(GitLabFault.NotFound, $"GitLab has not found {what} (404), or the token may not see it.{said}"),
            HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError => new(
                GitLabFault.Unavailable, $"GitLab could not answer for {what} ({status}).{said}", RetryAfter(response, time))
            {
                IsRateLimited = response.StatusCode == HttpStatusCode.TooManyRequests,
            },
            >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest => new(GitLabFault.Unexpected,
                $"GitLab answered {what} with a redirect ({status}) to another address: GitLab:Url must be the address that GitLab gives itself."),
            _ => new(GitLabFault.Unexpected, $"GitLab answered {what} with {status}.{said}"),
        };
    }

    /// <summary><c>Retry-After</c>, or the time of <c>RateLimit-Reset</c>; null where GitLab says neither, as for its application limits.</summary>
    public static TimeSpan? RetryAfter(HttpResponseMessage response, TimeProvider time)
    {
        var now = time.GetUtcNow();
        TimeSpan? wait = response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - now,
            _ => null,
        };
        if (wait is null
            && response.StatusCode == HttpStatusCode.TooManyRequests
            && response.Headers.TryGetValues("RateLimit-Reset", out var values)
            && long.TryParse(values.FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var reset))
        {
            wait = TimeSpan.FromSeconds(Math.Clamp(reset - now.ToUnixTimeSeconds(), 0, (long)LongestWait.TotalSeconds));
        }

        return wait is { } known ? TimeSpan.FromTicks(Math.Clamp(known.Ticks, 0, LongestWait.Ticks)) : null;
    }

    /// <summary>GitLab's own words out of <c>{"message": …}</c> or <c>{"error": …}</c>, as a sentence to append; empty for anything else.</summary>
    private static string Quote(ReadOnlySpan<byte> body, Secret? token)
    {
        if (Words(body) is not { Length: > 0 } words)
        {
            return "";
        }

        var masked = token is { } secret && secret.Reveal().Length > 0 ? words.Replace(secret.Reveal(), "***", StringComparison.Ordinal) : words;
        return $" GitLab says: {Printable.Text(masked, MaxQuoteLength)}";
    }

    public static string? Words(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            using var document = JsonDocument.ParseValue(ref reader);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                return null;
            }

            foreach (var name in (string[])["message", "error_description", "error"])
            {
                if (root.TryGetProperty(name, out var value))
                {
                    return value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText();
                }
            }

            return null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
