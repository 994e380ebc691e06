using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace ReleaseBot.Web;

/// <summary>Those headers of a delivery that are kept: they say where it came from, and none is a credential.</summary>
internal static class DeliveryHeaders
{
    private const int MaxLength = 200;

    private static readonly string[] Kept =
    [
        "X-Gitlab-Event", "X-Gitlab-Instance", "X-Gitlab-Event-UUID", "webhook-id", "webhook-timestamp", "Idempotency-Key", "User-Agent", "Content-Type",
    ];

    /// <summary>A JSON object of the headers that were sent.</summary>
    public static string Keep(IHeaderDictionary headers)
    {
        Dictionary<string, string> kept = new(Kept.Length, StringComparer.Ordinal);
        foreach (var name in Kept)
        {
            if (headers.TryGetValue(name, out var value) && !StringValues.IsNullOrEmpty(value))
            {
                kept[name] = Short(value.ToString());
            }
        }

        return JsonSerializer.Serialize(kept, ApiJson.Default.DictionaryStringString);
    }

    /// <summary>The event's name as GitLab gives it, e.g. <c>Tag Push Hook</c>; null where it is not sent.</summary>
    public static string? Event(IHeaderDictionary headers) =>
        headers.TryGetValue("X-Gitlab-Event", out var value) && value.ToString() is { Length: > 0 } name ? Short(name) : null;

    private static string Short(string value)
    {
        var text = value.Length <= MaxLength ? value : value[..MaxLength];
        return text.AsSpan().ContainsAnyExceptInRange(' ', '~')
            ? string.Create(text.Length, text, static (span, source) =>
            {
                for (var i = 0; i < span.Length; i++)
                {
                    span[i] = source[i] is >= ' ' and <= '~' ? source[i] : '?';
                }
            })
            : text;
    }
}
