using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using ReleaseBot.Core;

namespace ReleaseBot.Web;

/// <summary>What a route asks of its caller. A route that says nothing is refused, so that forgetting it opens no door.</summary>
/// <param name="Scope">Null for a route that is open to all, or that judges its callers itself.</param>
internal sealed record RequiredAccess(AccessScope? Scope);

/// <summary>Who was let in by a token.</summary>
internal sealed record Caller(string Name);

internal static class AccessExtensions
{
    public static T Requires<T>(this T builder, AccessScope scope)
        where T : IEndpointConventionBuilder =>
        builder.WithMetadata(new RequiredAccess(scope));

    public static T IsOpen<T>(this T builder)
        where T : IEndpointConventionBuilder =>
        builder.WithMetadata(new RequiredAccess(null));

    /// <summary>The name of the token that let the caller in.</summary>
    public static string CallerName(this HttpContext context) => context.Features.Get<Caller>()?.Name ?? "anonymous";
}
