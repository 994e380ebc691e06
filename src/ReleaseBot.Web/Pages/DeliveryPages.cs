using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>What the hooks brought, and the queue.</summary>
internal static class DeliveryPages
{
    private const int MaxWaiting = 200;

    public static async Task<IResult> ListAsync([FromQuery(Name = "cursor")] string? cursor, HttpContext context, HistoryQueries history)
    {
        var query = new QueryText();
        var before = query.Cursor(cursor);
        if (query.Problem is { } problem)
        {
            return problem;
        }

        var page = await history.DeliveriesAsync(new DeliveryFilter { Before = before }, context.RequestAborted);
        var rows = page.Items.Select(DeliveryJson.Of).Select(delivery => Html.Of(
            $"""
            <tr>
            <td>{PageFrame.Status(delivery.Outcome)}</td>
            <td>{delivery.Event}</td>
            <td>{delivery.Project?.Path} {delivery.Ref}{PageFrame.Reason(delivery.Reason)}</td>
            <td>{(delivery.Release is { } id ? Html.Of($"<a href=\"/releases/{id}\">release</a>") : Html.Of($"—"))}</td>
            <td>{PageFrame.Time(delivery.ReceivedAt)}</td>
            </tr>
            """));
        var list = page.Items.Count == 0
            ? Html.Of($"<p>No delivery yet. In GitLab, add a webhook with the trigger <em>Tag push events</em> to <code>/webhooks/gitlab</code> of this server, and press <em>Test</em>.</p>")
            : Html.Of(
                $"""
                <div class="scroll" tabindex="0" role="region" aria-label="Deliveries"><table>
                <thead><tr><th scope="col">Outcome</th><th scope="col">Event</th><th scope="col">Ref</th><th scope="col">Release</th><th scope="col">Received</th></tr></thead>
                <tbody>{rows}</tbody>
                </table></div>
                {PageFrame.Next(context.Request, page.Next)}
                """);
        return PageFrame.Of("Deliveries", Html.Of($"<div id=\"live\" data-refresh=\"5\">{list}</div>")).ToResult();
    }

    public static async Task<IResult> QueueAsync(HttpContext context, QueueView view)
    {
        var queue = QueueEndpoints.Of(await view.ReadAsync(MaxWaiting, context.RequestAborted));
        return PageFrame.Of("Queue", Html.Of(
            $"""
            <div id="live" data-refresh="3">
            <h2>Running</h2>
            {List(queue.Running.Select(release => Row(release, $"on {release.Worker}")), "Nothing runs.")}
            <h2>Waiting</h2>
            {List(queue.Waiting.Select(release => Row(release, $"waits for {release.WaitsFor}")), "Nothing waits.")}
            <h2>Workers</h2>
            {List(
                queue.Workers.Select(worker => Html.Of(
                    $"<li>{PageFrame.Status(StateOf(worker))} {worker.Name}, {worker.Running} of {worker.Slots} slots, seen {PageFrame.Time(worker.SeenAt)}</li>")),
                "No worker has shown itself lately: is one running, with this store?")}
            </div>
            """)).ToResult();
    }

    private static Html List(IEnumerable<Html> rows, string empty) =>
        rows.ToList() is { Count: > 0 } some ? Html.Of($"<ol>{Html.Concat(some)}</ol>") : Html.Of($"<p>{empty}</p>");

    private static string StateOf(WorkerJson worker) => worker switch
    {
        { IsAlive: false } => "gone",
        { PausedAt: not null } => "paused",
        { EngineFullSince: not null } => "engine-full",
        _ => "alive",
    };

    private static Html Row(QueuedReleaseJson release, string what) =>
        Html.Of($"<li>{PageFrame.Status(release.Status)} <a href=\"/releases/{release.Id}\">{release.Project} {release.Ref}</a> {what}</li>");
}
