namespace ReleaseBot.StandIns.GitLab.Api;

/// <summary>Rules of protected tags or branches; they are found by the rule itself, not by what it covers (doc/api/protected_tags.md).</summary>
internal static class ProtectionRoutes
{
    public static Task? Handle(HttpContext context, ProtectionRules rules, string[] rest, Uri gitLab) => (context.Request.Method, rest) switch
    {
        ("GET", []) => ApiAnswer.PageAsync(context, gitLab, rules.All.Select(Show).ToList()),
        ("GET", [var rule]) => rules.All.Contains(rule) ? ApiAnswer.WriteAsync(context, 200, Show(rule)) : ApiAnswer.NotFoundAsync(context, "Protected rule"),
        ("POST", []) => AddAsync(context, rules),
        ("DELETE", [var rule]) => RemoveAsync(context, rules, rule),
        _ => null,
    };

    private static async Task AddAsync(HttpContext context, ProtectionRules rules)
    {
        var name = (await ApiAnswer.BodyAsync(context)).Text("name") ?? context.Request.Query["name"].FirstOrDefault();
        await (name is null ? ApiAnswer.WriteAsync(context, 400, new { error = "name is missing" })
            : rules.Add(name) ? ApiAnswer.WriteAsync(context, 201, Show(name))
            : ApiAnswer.MessageAsync(context, 409, $"Protected rule '{name}' already exists"));
    }

    private static Task RemoveAsync(HttpContext context, ProtectionRules rules, string rule)
    {
        if (!rules.Remove(rule))
        {
            return ApiAnswer.NotFoundAsync(context, "Protected rule");
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    }

    private static object Show(string rule) => new
    {
        name = rule,
        create_access_levels = new[] { new { id = 1, access_level = 40, access_level_description = "Maintainers" } },
    };
}
