using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;

namespace ReleaseBot.StandIns.GitLab.Api;

/// <summary>Answers in GitLab's forms.</summary>
internal static class ApiAnswer
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static async Task WriteAsync<T>(HttpContext context, int status, T body)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(body, Json);
        if (status == StatusCodes.Status200OK && HttpMethods.IsGet(context.Request.Method) && IsKnown(context, bytes))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    /// <summary>Rack::ETag and Rack::ConditionalGet: a weak tag made of the whole body, which is made in any case.</summary>
    private static bool IsKnown(HttpContext context, byte[] body)
    {
        var tag = $"W/\"{Convert.ToHexStringLower(SHA256.HashData(body))[..32]}\"";
        context.Response.Headers.ETag = tag;
        return context.Request.Headers.IfNoneMatch == tag;
    }

    public static Task MessageAsync(HttpContext context, int status, string message) => WriteAsync(context, status, new { message });

    public static Task NotFoundAsync(HttpContext context, string what) => MessageAsync(context, StatusCodes.Status404NotFound, $"404 {what} Not Found");

    /// <summary>One page of a list with the Link header: 20 items, or per_page up to 100.</summary>
    public static Task PageAsync<T>(HttpContext context, Uri gitLab, IReadOnlyList<T> items) =>
        PageAsync(context, gitLab, items, item => Task.FromResult<object>(item!));

    /// <summary>The same, where showing an item costs something.</summary>
    public static async Task PageAsync<T>(HttpContext context, Uri gitLab, IReadOnlyList<T> items, Func<T, Task<object>> show)
    {
        var page = Math.Max(1, Number(context, "page", 1));
        var size = Math.Clamp(Number(context, "per_page", 20), 1, 100);
        var pages = (items.Count + size - 1) / size;
        // As it was sent, since a project's path is one escaped segment.
        var path = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?')[0];
        var links = new List<string>();
        if (page > 1)
        {
            links.Add(Link(page - 1, "prev"));
        }

        if (page < pages)
        {
            links.Add(Link(page + 1, "next"));
        }

        links.Add(Link(1, "first"));
        context.Response.Headers["Link"] = string.Join(", ", links);
        context.Response.Headers["X-Page"] = page.ToString(CultureInfo.InvariantCulture);
        context.Response.Headers["X-Total"] = items.Count.ToString(CultureInfo.InvariantCulture);
        var shown = new List<object>();
        foreach (var item in items.Skip((page - 1) * size).Take(size))
        {
            shown.Add(await show(item));
        }

        await WriteAsync(context, StatusCodes.Status200OK, shown);

        string Link(int number, string relation)
        {
            var query = context.Request.Query.Where(pair => pair.Key is not ("page" or "per_page"))
                .Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value.ToString())}").Append($"page={number}").Append($"per_page={size}");
            return $"<{gitLab.GetLeftPart(UriPartial.Authority)}{path}?{string.Join('&', query)}>; rel=\"{relation}\"";
        }
    }

    /// <summary>The request's JSON object; an empty one for an empty body.</summary>
    public static async Task<JsonElement> BodyAsync(HttpContext context)
    {
        using var bytes = new MemoryStream();
        await context.Request.Body.CopyToAsync(bytes, context.RequestAborted);
        var body = bytes.Length == 0 ? JsonElement.Parse("{}") : JsonElement.Parse(bytes.ToArray());
        return body.ValueKind == JsonValueKind.Object ? body : throw new BadHttpRequestException("body is not an object");
    }

    public static string? Text(this JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static int Number(HttpContext context, string name, int otherwise) =>
        int.TryParse(context.Request.Query[name], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : otherwise;
}
