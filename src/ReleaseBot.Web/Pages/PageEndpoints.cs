using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using ReleaseBot.Core;

namespace ReleaseBot.Web;

/// <summary>The dashboard: rendered here, readable without scripts, nothing loaded from elsewhere.</summary>
internal static class PageEndpoints
{
    public static void MapPages(this IEndpointRouteBuilder routes)
    {
        var pages = routes.MapGroup("").Requires(AccessScope.Read).ExcludeFromDescription();
        pages.MapGet("/", ReleasePages.ListAsync);
        pages.MapGet("/releases/{id:guid}", ReleasePages.ShowAsync).WithMetadata(new LinkedFromMessages());
        pages.MapGet("/deliveries", DeliveryPages.ListAsync);
        pages.MapGet("/queue", DeliveryPages.QueueAsync);

        var assets = routes.MapGroup("/assets").IsOpen().ExcludeFromDescription();
        assets.MapGet("/dashboard.css", (HttpContext context) => Asset(context, "dashboard.css", "text/css; charset=utf-8"));
        assets.MapGet("/dashboard.js", (HttpContext context) => Asset(context, "dashboard.js", "text/javascript; charset=utf-8"));
    }

    private static IResult Asset(HttpContext context, string name, string type)
    {
        context.Response.Headers.CacheControl = "no-cache";
        var stream = typeof(PageEndpoints).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"{name} is not in the assembly.");
        return TypedResults.Stream(stream, type);
    }
}
