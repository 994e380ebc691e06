using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using ReleaseBot.Core;

namespace ReleaseBot.Web;

/// <summary>
/// Refuses a query parameter that the route does not know: a filter with a typo would else be none, and answer with everything. For the API's routes;
/// a page may be called with whatever a chat or a mail appends to its address.
/// </summary>
internal sealed class UnknownParameters(RequestDelegate next)
{
    private readonly ConcurrentDictionary<Endpoint, IReadOnlyList<string>> _known = [];

    public Task InvokeAsync(HttpContext context)
    {
        if (context.Request.Query.Count == 0 || !context.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal)
            || context.GetEndpoint() is not { } endpoint || endpoint.Metadata.GetMetadata<MethodInfo>() is null)
        {
            return next(context);
        }

        var known = _known.GetOrAdd(endpoint, key => [.. NamesOf(key.Metadata.GetMetadata<MethodInfo>()!).Order(StringComparer.Ordinal)]);
        return context.Request.Query.Keys.FirstOrDefault(name => !known.Contains(name, StringComparer.OrdinalIgnoreCase)) is { } unknown
            ? Problems.UnknownParameter(unknown, NearestName.Find(unknown, known), known).ExecuteAsync(context)
            : next(context);
    }

    /// <summary>What a handler takes from the query, by itself or as members of a record.</summary>
    private static IEnumerable<string> NamesOf(MethodInfo handler) => handler.GetParameters().SelectMany(parameter =>
        parameter.GetCustomAttribute<AsParametersAttribute>() is null
            ? NameOf(parameter.GetCustomAttribute<FromQueryAttribute>(), parameter.Name)
            : parameter.ParameterType.GetProperties().SelectMany(property => NameOf(property.GetCustomAttribute<FromQueryAttribute>(), property.Name)));

    private static IEnumerable<string> NameOf(FromQueryAttribute? query, string? name) => query is null ? [] : [query.Name ?? name!];
}
