using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Primitives;
using ReleaseBot.Core;

namespace ReleaseBot.Web;

/// <summary>A page that links in messages lead to: chats and mail programs append parameters of their own, and there is nothing that they would filter.</summary>
internal sealed record LinkedFromMessages;

/// <summary>
/// Refuses a query that the route would read otherwise than it is meant: a parameter that it does not know, one without a value (a variable that a script
/// forgot to set), or one that is given twice where one counts. Each would else be no filter or a wrong one, and answer with everything or with nothing. For
/// all routes that ask for a scope: the API, the pages and the metrics. A page's form sends what was left empty, so it may have no value there.
/// </summary>
internal sealed class QueryGate(RequestDelegate next)
{
    private const string Cursor = "cursor";

    private readonly ConcurrentDictionary<Endpoint, IReadOnlyDictionary<string, bool>> _known = [];

    public Task InvokeAsync(HttpContext context)
    {
        if (context.Request.Query.Count == 0 || context.GetEndpoint() is not { } endpoint || !IsJudged(endpoint)
            || endpoint.Metadata.GetMetadata<MethodInfo>() is not { } handler)
        {
            return next(context);
        }

        var known = _known.GetOrAdd(endpoint, _ => ParametersOf(handler));
        var mayBeEmpty = !context.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal);
        return context.Request.Query.Select(parameter => ProblemOf(parameter.Key, parameter.Value, known, mayBeEmpty)).FirstOrDefault(problem => problem is not null) is { } problem
            ? problem.ExecuteAsync(context)
            : next(context);
    }

    private static bool IsJudged(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<RequiredAccess>() is { Scope: not null } && endpoint.Metadata.GetMetadata<LinkedFromMessages>() is null;

    private static IResult? ProblemOf(string name, StringValues values, IReadOnlyDictionary<string, bool> known, bool mayBeEmpty)
    {
        if (!known.TryGetValue(name, out var isRepeatable))
        {
            List<string> names = [.. known.Keys.Order(StringComparer.Ordinal)];
            return Problems.UnknownParameter(name, NearestName.Find(name, names), names);
        }

        if (values.Count > 1 && !isRepeatable)
        {
            return Problems.InvalidParameter(name, "it may be given once.");
        }

        // Whoever goes from page to page may begin with a cursor that is empty yet.
        var isEmptyMeant = mayBeEmpty || name.Equals(Cursor, StringComparison.OrdinalIgnoreCase);
        return values.Any(string.IsNullOrEmpty) && !isEmptyMeant ? Problems.InvalidParameter(name, "it has no value. Give it one, or leave it out.") : null;
    }

    /// <summary>What a handler takes from the query, by itself or as members of a record, and whether it may be repeated.</summary>
    private static Dictionary<string, bool> ParametersOf(MethodInfo handler)
    {
        Dictionary<string, bool> known = new(StringComparer.OrdinalIgnoreCase);
        foreach (var parameter in handler.GetParameters())
        {
            if (parameter.GetCustomAttribute<AsParametersAttribute>() is null)
            {
                Add(parameter.GetCustomAttribute<FromQueryAttribute>(), parameter.Name!, parameter.ParameterType);
                continue;
            }

            foreach (var property in parameter.ParameterType.GetProperties())
            {
                Add(property.GetCustomAttribute<FromQueryAttribute>(), property.Name, property.PropertyType);
            }
        }

        return known;

        void Add(FromQueryAttribute? query, string name, Type type)
        {
            if (query is not null)
            {
                known[query.Name ?? name] = type.IsArray;
            }
        }
    }
}
