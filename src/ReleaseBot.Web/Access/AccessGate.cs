using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using ReleaseBot.Core;

namespace ReleaseBot.Web;

/// <summary>Lets a request through to its route, or refuses it, by what the route requires.</summary>
internal sealed class AccessGate(RequestDelegate next, AccessTokens tokens, AccessSettings settings, LoopbackOnly loopback)
{
    private const string BearerPrefix = "Bearer ";
    private const string BasicPrefix = "Basic ";
    private const int MaxCredentialLength = 4096;

    public Task InvokeAsync(HttpContext context)
    {
        // Not found, a method or a content type that no route takes: there is nothing to guard.
        if (context.GetEndpoint() is not RouteEndpoint endpoint)
        {
            return next(context);
        }

        return endpoint.Metadata.GetMetadata<RequiredAccess>() switch
        {
            { Scope: null } => next(context),
            { Scope: { } scope } when tokens.Any => WithTokensAsync(context, scope),
            // A wrong token is refused, also where none is needed.
            { Scope: AccessScope.Read } when loopback.Includes(context) =>
                context.Request.Headers.Authorization.Count == 0 ? next(context) : ChallengeAsync(context, AccessScope.Read, isUnknown: true),
            _ => Problems.NoTokenConfigured().ExecuteAsync(context),
        };
    }

    private Task WithTokensAsync(HttpContext context, AccessScope scope)
    {
        if (context.Request.Headers.Authorization.Count == 0)
        {
            return scope == AccessScope.Read && settings.AnonymousRead ? next(context) : ChallengeAsync(context, scope, isUnknown: false);
        }

        if (Presented(context, scope) is not { } secret || tokens.Find(secret) is not { } token)
        {
            return ChallengeAsync(context, scope, isUnknown: true);
        }

        if (!Allows(token, scope))
        {
            context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"releasebot\", error=\"insufficient_scope\", scope=\"{Name(scope)}\"";
            return Problems.ScopeMissing(Name(scope)).ExecuteAsync(context);
        }

        context.Features.Set(new Caller(token.Name));
        return next(context);
    }

    /// <summary>Whoever may operate may also see what there is to operate on.</summary>
    private static bool Allows(AccessToken token, AccessScope scope) =>
        token.Scopes.Contains(scope) || scope == AccessScope.Read && token.Scopes.Contains(AccessScope.Operate);

    private static string? Presented(HttpContext context, AccessScope scope)
    {
        if (context.Request.Headers.Authorization is not [{ Length: <= MaxCredentialLength } header])
        {
            return null;
        }

        if (header.StartsWith(BearerPrefix, StringComparison.OrdinalIgnoreCase))
        {
            return header[BearerPrefix.Length..].Trim();
        }

        // A browser can show the pages this way. It sends such credentials by itself, for a foreign page's requests too: never good for a change.
        return scope == AccessScope.Read && header.StartsWith(BasicPrefix, StringComparison.OrdinalIgnoreCase)
            ? PasswordOf(header[BasicPrefix.Length..].Trim())
            : null;
    }

    private static string? PasswordOf(string basic)
    {
        Span<byte> buffer = stackalloc byte[MaxCredentialLength];
        if (!Convert.TryFromBase64String(basic, buffer, out var length))
        {
            return null;
        }

        var pair = Encoding.UTF8.GetString(buffer[..length]);
        var colon = pair.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? null : pair[(colon + 1)..];
    }

    private static Task ChallengeAsync(HttpContext context, AccessScope scope, bool isUnknown)
    {
        var bearer = isUnknown ? "Bearer realm=\"releasebot\", error=\"invalid_token\"" : "Bearer realm=\"releasebot\"";
        var isPage = scope == AccessScope.Read && !context.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal);
        context.Response.Headers.WWWAuthenticate = isPage ? new[] { bearer, "Basic realm=\"releasebot\", charset=\"UTF-8\"" } : bearer;
        return (isUnknown ? Problems.TokenUnknown() : Problems.TokenNeeded()).ExecuteAsync(context);
    }

    private static string Name(AccessScope scope) => scope.ToText();
}
