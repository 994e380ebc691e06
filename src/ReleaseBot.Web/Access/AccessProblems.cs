using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace ReleaseBot.Web;

internal static class AccessProblems
{
    /// <summary>Describes what <see cref="AccessGate"/> may answer in a route's place.</summary>
    public static T WithAccessProblems<T>(this T builder)
        where T : IEndpointConventionBuilder =>
        builder.WithMetadata(Problem(StatusCodes.Status401Unauthorized), Problem(StatusCodes.Status403Forbidden));

    /// <summary>The same, and what <see cref="QueryGate"/> and the routes themselves answer to a parameter or a body.</summary>
    public static T WithApiProblems<T>(this T builder)
        where T : IEndpointConventionBuilder =>
        builder.WithAccessProblems().WithMetadata(Problem(StatusCodes.Status400BadRequest));

    private static ProducesResponseTypeMetadata Problem(int status) =>
        new(status, typeof(Microsoft.AspNetCore.Mvc.ProblemDetails), ["application/problem+json"]);
}
