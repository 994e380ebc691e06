namespace ReleaseBot.Web;

/// <summary>What reconciling found, in a line, and the hooks that GitLab has disabled.</summary>
internal static class ReconcileLine
{
    private const int ShownHooks = 5;

    public static Html Of(ReconcileJson reconcile) => Html.Of($"{Round(reconcile)}{Hooks(reconcile.DisabledHooks)}");

    private static Html Round(ReconcileJson reconcile)
    {
        if ((reconcile.Running ?? reconcile.Last) is not { } round)
        {
            return Html.Empty;
        }

        var (projects, when) = (round.Projects, round.FinishedAt is { } end ? Html.Of($"Reconciled with GitLab {PageFrame.Time(end)}") : Html.Of($"Reconciling with GitLab since {PageFrame.Time(round.StartedAt)}"));
        var waits = round.WaitsUntil is { } until ? Html.Of($", waits for GitLab's rate limit until {PageFrame.Time(until)}") : Html.Empty;
        return Html.Of(
            $"""
            <p><small>{when}: {projects.Seen} projects, {projects.Looked + projects.New} looked at, {round.MissingTags} tags found that no hook told of, {projects.Failed} failed{waits}.
            <a href="/api/v1/reconcile">Report</a></small></p>
            """);
    }

    private static Html Hooks(IReadOnlyList<DisabledHookJson> hooks)
    {
        if (hooks.Count == 0)
        {
            return Html.Empty;
        }

        var more = hooks.Count > ShownHooks ? Html.Of($"; {hooks.Count - ShownHooks} more") : Html.Empty;
        return Html.Of(
            $"<p class=\"reason\" role=\"alert\">GitLab has disabled hooks and sends them nothing: {hooks.Take(ShownHooks).Select((hook, index) => Html.Of($"{(index > 0 ? ", " : "")}{hook.Kind} {hook.Path} (hook {hook.Hook}, {hook.Status})"))}{more}.</p>");
    }
}
