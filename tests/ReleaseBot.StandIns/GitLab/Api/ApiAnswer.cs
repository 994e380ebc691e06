using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;

namespace ReleaseBot.StandIns.GitLab.Api;

/// <summary>Answers in GitLab's forms.</summary>
internal static class ApiAnswer
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public static async Task WriteAsync<T>(HttpContext context, int status, T body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(body, Json), context.RequestAborted);
    }

    public static Task MessageAsync(HttpContext context, int status, string message) => WriteAsync(context, status, new { message });

    public static Task NotFoundAsync(HttpContext context, string what) => MessageAsync(context, StatusCodes.Status404NotFound, $"404 {what} Not Found");

    /// <summary>One page of a list with the Link header: 20 items, or per_page up to 100.</summary>
    public static async Task PageAsync<T>(HttpContext context, Uri gitLab, IReadOnlyList<T> items)
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
        await WriteAsync(context, StatusCodes.Status200OK, items.Skip((page - 1) * size).Take(size).ToList());

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
