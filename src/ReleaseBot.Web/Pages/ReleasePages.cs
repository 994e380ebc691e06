using System.Text;
using Microsoft.AspNetCore.Http;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>The list of releases, and the page of one.</summary>
internal static class ReleasePages
{
    private const int MaxPieces = 64;

    public static async Task<IResult> ListAsync(
        [AsParameters] ReleaseListQuery query, HttpContext context, HistoryQueries history, ReconcileRounds rounds, DisabledHooks hooks)
    {
        var (filter, problem) = query.Read();
        if (filter is null)
        {
            return problem!;
        }

        var page = await history.ReleasesAsync(filter, context.RequestAborted);
        var rows = page.Items.Select(ReleaseJson.Of).Select(release => Html.Of(
            $"""
            <tr>
            <td>{PageFrame.Status(release.Status)}</td>
            <td><a href="{release.Links.Page}">{release.Project.Path} {release.Ref.Name}</a>{PageFrame.Reason(release.Reason)}</td>
            <td><code>{release.Commit?[..8]}</code></td>
            <td class="whole">{release.Trigger.User ?? release.Trigger.Kind}</td>
            <td>{PageFrame.Time(release.CreatedAt)}</td>
            <td class="whole">{PageFrame.Duration(release.StartedAt, release.FinishedAt)}</td>
            </tr>
            """));
        var list = page.Items.Count == 0
            ? Html.Of($"<p>Nothing here yet. Push a protected tag to a project whose hook points to <code>/webhooks/gitlab</code>; what arrives shows under <a href=\"/deliveries\">Deliveries</a>.</p>")
            : Html.Of(
                $"""
                <div class="scroll" tabindex="0" role="region" aria-label="Releases"><table>
                <thead><tr><th scope="col">Status</th><th scope="col">Release</th><th scope="col">Commit</th><th scope="col">By</th><th scope="col">Created</th><th scope="col">Took</th></tr></thead>
                <tbody>{rows}</tbody>
                </table></div>
                {PageFrame.Next(context.Request, page.Next)}
                """);
        var reconciling = ReconcileLine.Of(await ReconcileEndpoints.ReadAsync(rounds, hooks, context.RequestAborted));
        return PageFrame.Of("Releases", Html.Of($"{Search(query)}<div id=\"live\" data-refresh=\"5\">{reconciling}{list}</div>")).ToResult();
    }

    public static async Task<IResult> ShowAsync(Guid id, HttpContext context, HistoryQueries history, ReleaseLogStore logs, RetentionSettings retention)
    {
        if (await history.ReleaseAsync(id, context.RequestAborted) is not { } row)
        {
            return PageFrame.Of("No such release", Html.Of($"<p>Release {id} is not in the history.</p>")).ToResult(StatusCodes.Status404NotFound);
        }

        var release = ReleaseJson.Of(row);
        var changes = await history.ChangesOfAsync(row, context.RequestAborted);
        var messages = await history.MessagesAsync(id, context.RequestAborted);
        var log = row.Status.IsFinal() && await logs.IsSweptAsync(id, context.RequestAborted)
            ? Html.Of($"<p>{LogEndpoints.NotKept(retention)}</p>")
            : await LogAsync(id, release.Links.Log, logs, context.RequestAborted);
        return PageFrame.Of($"{release.Project.Path} {release.Ref.Name}", Html.Of(
            $"""
            <div id="live" data-refresh="{(IsOver(row) ? "0" : "3")}">
            <p>{PageFrame.Status(release.Status)} attempt {release.Attempt}, {PageFrame.Link(release.Project.Url, release.Project.Path)},
            {release.Ref.Kind} {release.Ref.Name} at <code>{release.Commit ?? "a commit that GitLab has yet to name"}</code>,
            by {release.Trigger.User ?? release.Trigger.Kind}, {PageFrame.Time(release.CreatedAt)}</p>
            {PageFrame.Reason(release.Reason)}
            {Retracted(release)}
            {Stages(release)}
            {Images(release)}
            {Changes(changes)}
            {Told(messages)}
            </div>
            <h2>Log</h2>
            {log}
            """)).ToResult();
    }

    /// <summary>Ended, and told: nothing more comes by itself.</summary>
    private static bool IsOver(Release release) =>
        release.Status.IsFinal() && ReleaseJson.PresentStages(release).All(stage => stage.Status != StageStatus.Running);

    private static Html Search(ReleaseListQuery query) => Html.Of(
        $"""
        <form method="get" action="/" role="search">
        <label>Project <input name="project" value="{query.Project}" placeholder="acme/shop"></label>
        <label>Ref <input name="ref" value="{query.Ref}" placeholder="v1.2.3"></label>
        <label>Status <select name="status"><option value="">any</option>{EnumText.All<ReleaseStatus>().Select(status => Option(status, query.Status is [{ } only] && only == status))}</select></label>
        <button>Filter</button>
        </form>
        """);

    private static Html Option(string status, bool isSelected) =>
        isSelected ? Html.Of($"<option selected>{status}</option>") : Html.Of($"<option>{status}</option>");

    private static Html Stages(ReleaseJson release) => Html.Of(
        $"""
        <h2>Stages</h2>
        <ol class="stages">{release.Stages.Select(stage => Html.Of(
            $"<li>{PageFrame.Status(stage.Status)} {stage.Name} <small>{PageFrame.Duration(stage.StartedAt, stage.FinishedAt)}</small></li>"))}</ol>
        """);

    private static Html Images(ReleaseJson release) => release.Images.Count == 0
        ? Html.Empty
        : Html.Of(
            $"""
            <h2>Images</h2>
            <div class="scroll" tabindex="0" role="region" aria-label="Images"><table>
            <thead><tr><th scope="col">Status</th><th scope="col">Image</th><th scope="col">Digest</th></tr></thead>
            <tbody>{release.Images.Select(image => Html.Of(
                $"<tr><td>{PageFrame.Status(image.Status)}</td><td><code>{image.Reference}</code>{PageFrame.Reason(image.Reason)}</td><td><code class=\"digest\">{image.Digest ?? "—"}</code></td></tr>"))}</tbody>
            </table></div>
            """);

    private static Html Retracted(ReleaseJson release) => release.Retracted is { } retracted
        ? Html.Of($"<p class=\"reason\">Retracted by {retracted.By}, {PageFrame.Time(retracted.At)}: {retracted.Reason}. Its tag stays; no floating tag takes it again.</p>")
        : Html.Empty;

    /// <summary>What operators and the drift check did to its tags since.</summary>
    private static Html Changes(IReadOnlyList<TagMove> changes) => changes.Count == 0
        ? Html.Empty
        : Html.Of(
            $"""
            <h2>Since then</h2>
            <div class="scroll" tabindex="0" role="region" aria-label="What was done to its tags since"><table>
            <thead><tr><th scope="col">What</th><th scope="col">Image</th><th scope="col">From</th><th scope="col">To</th><th scope="col">By</th><th scope="col">Why</th><th scope="col">When</th></tr></thead>
            <tbody>{changes.Select(change => Html.Of(
                $"<tr><td>{PageFrame.Status(change.Verdict.ToText())}</td><td><code>{change.Host}/{change.Repository}:{change.Tag}</code></td><td><code class=\"digest\">{change.From ?? "—"}</code></td><td><code class=\"digest\">{change.To ?? "—"}</code></td><td>{change.By}</td><td>{change.Reason}</td><td>{PageFrame.Time(change.At)}</td></tr>"))}</tbody>
            </table></div>
            """);

    /// <summary>Who was told of it, and how that went.</summary>
    private static Html Told(IReadOnlyList<OutboxMessage> messages) => messages.Count == 0
        ? Html.Empty
        : Html.Of(
            $"""
            <h2>Told</h2>
            <div class="scroll" tabindex="0" role="region" aria-label="Who was told"><table>
            <thead><tr><th scope="col">Status</th><th scope="col">Channel</th><th scope="col">Of what</th><th scope="col">When</th></tr></thead>
            <tbody>{messages.Select(message => Html.Of(
                $"<tr><td>{PageFrame.Status(StateOf(message))}</td><td>{message.Channel}{Trouble(message)}</td><td>{message.Drift ?? message.Outcome.ToText()}</td><td>{PageFrame.Time(message.DeliveredAt ?? message.DeadAt ?? message.CreatedAt)}</td></tr>"))}</tbody>
            </table></div>
            """);

    private static string StateOf(OutboxMessage message) => message switch
    {
        { DeliveredAt: not null } => "told",
        { DeadAt: not null } => "failed",
        { Tries: > 0 } => "trying",
        _ => "waiting",
    };

    private static Html Trouble(OutboxMessage message) =>
        message is { DeliveredAt: null, LastError: { } error } ? Html.Of($"<p class=\"reason\">{error}</p>") : Html.Empty;

    /// <summary>The log so far; the page's script follows it from there.</summary>
    private static async Task<Html> LogAsync(Guid id, string link, ReleaseLogStore logs, CancellationToken cancellationToken)
    {
        var pieces = await logs.ReadAsync(id, 0, MaxPieces, cancellationToken);
        var text = new StringBuilder();
        foreach (var piece in pieces)
        {
            text.Append(Encoding.UTF8.GetString(piece.Text.Span).ReplaceLineEndings("\n"));
        }

        var more = pieces.Count < MaxPieces ? Html.Empty : Html.Of($" The rest follows, or is in the <a href=\"{link}\">whole log</a>.");
        var last = pieces.Count > 0 ? pieces[^1].Sequence : 0;
        return Html.Of(
            $"""
            <p><a href="{link}">As plain text</a>.{more}</p>
            <pre id="log" tabindex="0" aria-label="Log" data-follow="{link}" data-after="{last}">{Html.OfAnsi(text.ToString())}</pre>
            """);
    }
}
