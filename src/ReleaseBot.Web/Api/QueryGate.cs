using System.Collections.Concurrent;
using System.Reflection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Primitives;
using ReleaseBot.Core;

namespace ReleaseBot.Web;

/// <summary>
/// Refuses a query that the route would read otherwise than it is meant: a parameter that it does not know, one without a value (a variable that a script
/// forgot to set), or one that is given twice where one counts. Each would else be no filter or a wrong one, and answer with everything or with nothing. For
/// the API's routes; a page may be called with whatever a chat or a mail appends to its address, and its form sends what was left empty.
/// </summary>
internal sealed class QueryGate(RequestDelegate next)
{
    private const string Cursor = "cursor";

    private readonly ConcurrentDictionary<Endpoint, IReadOnlyDictionary<string, bool>> _known = [];

    public Task InvokeAsync(HttpContext context)
    {
        if (context.Request.Query.Count == 0 || !context.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal)
            || context.GetEndpoint() is not { } endpoint || endpoint.Metadata.GetMetadata<MethodInfo>() is not { } handler)
        {
            return next(context);
        }

        var known = _known.GetOrAdd(endpoint, _ => ParametersOf(handler));
        return context.Request.Query.Select(parameter => ProblemOf(parameter.Key, parameter.Value, known)).FirstOrDefault(problem => problem is not null) is { } problem
            ? problem.ExecuteAsync(context)
            : next(context);
    }

    private static IResult? ProblemOf(string name, StringValues values, IReadOnlyDictionary<string, bool> known)
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
        return values.Any(string.IsNullOrEmpty) && !name.Equals(Cursor, StringComparison.OrdinalIgnoreCase) ? Problems.InvalidParameter(name, "it has no value. Give it one, or leave it out.") : null;
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
