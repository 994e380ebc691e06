using System.Text.Json;

namespace ReleaseBot.Registries;

/// <summary>One answer of <c>GET /v2/NAME/tags/list</c>.</summary>
internal static class TagPage
{
    /// <summary>The tags; null where the body is not such a list. Docker's registry writes <c>"tags":null</c> for an empty one.</summary>
    public static IReadOnlyList<string>? Read(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("tags", out var tags))
            {
                return null;
            }

            return tags.ValueKind switch
            {
                JsonValueKind.Null => [],
                JsonValueKind.Array => [.. tags.EnumerateArray().Where(tag => tag.ValueKind == JsonValueKind.String).Select(tag => tag.GetString()!)],
                _ => null,
            };
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The target of <c>Link: &lt;/v2/…&gt;; rel="next"</c> (RFC 8288), relative or absolute; null on the last page.</summary>
    public static string? Next(IEnumerable<string> linkHeaders)
    {
        foreach (var header in linkHeaders)
        {
            for (var at = 0; (at = header.IndexOf('<', at)) >= 0;)
            {
                var close = header.IndexOf('>', at);
                if (close < 0)
                {
                    break;
                }

                var nextLink = header.IndexOf('<', close);
                var parameters = nextLink < 0 ? header[close..] : header[close..nextLink];
                if (parameters.Replace(" ", "", StringComparison.Ordinal).Replace("\"", "", StringComparison.Ordinal)
                    .Contains(";rel=next", StringComparison.OrdinalIgnoreCase))
                {
                    return header[(at + 1)..close];
                }

                at = close;
            }
        }

        return null;
    }
}
