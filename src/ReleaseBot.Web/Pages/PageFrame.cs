using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace ReleaseBot.Web;

/// <summary>What all pages share.</summary>
internal static class PageFrame
{
    public static Html Of(string title, Html content) => Html.Of(
        $"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>{title} · ReleaseBot</title>
        <link rel="icon" href="data:,">
        <link rel="stylesheet" href="/assets/dashboard.css">
        <script src="/assets/dashboard.js" defer></script>
        </head>
        <body>
        <a class="skip" href="#content">Skip to content</a>
        <header><a class="brand" href="/">ReleaseBot</a><nav aria-label="Main"><a href="/">Releases</a> <a href="/deliveries">Deliveries</a> <a href="/queue">Queue</a> <a href="/docs">API</a></nav></header>
        <main id="content">
        <h1>{title}</h1>
        {content}
        </main>
        </body>
        </html>
        """);

    public static Html Status(string status) => Html.Of($"<span class=\"status s-{status}\">{status}</span>");

    public static Html Time(DateTimeOffset? time) =>
        time is { } moment ? Html.Of($"<time datetime=\"{moment.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}\">{moment.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC</time>") : Html.Of($"—");

    public static Html Duration(DateTimeOffset? from, DateTimeOffset? until) =>
        from is { } start && until is { } end ? Html.Of($"{(end - start).TotalSeconds:0.0} s") : Html.Of($"—");

    public static Html Reason(ReasonJson? reason) =>
        reason is null ? Html.Empty : Html.Of($"<p class=\"reason\"><code>{reason.Code}</code> {reason.Message}</p>");

    /// <summary>A link to what is older, by the filters of this page.</summary>
    public static Html Next(HttpRequest request, Guid? last)
    {
        if (PageCursor.Write(last) is not { } cursor)
        {
            return Html.Empty;
        }

        var filters = request.Query.Where(parameter => !parameter.Key.Equals("cursor", StringComparison.OrdinalIgnoreCase));
        return Html.Of($"<p><a rel=\"next\" href=\"{request.Path.Value}{QueryString.Create(filters.Append(new KeyValuePair<string, StringValues>("cursor", cursor))).Value}\">Older</a></p>");
    }

    /// <summary>A link where the address is one that a browser may go to, else the text alone.</summary>
    public static Html Link(string? url, string text) =>
        Uri.TryCreate(url, UriKind.Absolute, out var address) && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp)
            ? Html.Of($"<a rel=\"noreferrer\" href=\"{address.AbsoluteUri}\">{text}</a>")
            : Html.Of($"{text}");
}
