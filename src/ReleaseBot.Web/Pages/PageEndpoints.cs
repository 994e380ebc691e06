using Microsoft.AspNetCore.Routing;

namespace ReleaseBot.Web;

/// <summary>The dashboard.</summary>
internal static class PageEndpoints
{
    public static void MapPages(this IEndpointRouteBuilder routes)
    {
    }
}
