namespace ReleaseBot.StandIns.GitLab.Api;

/// <summary>Commit statuses, with the transitions that GitLab refuses (doc/api/commits.md, create_commit_status_service.rb).</summary>
internal static class StatusRoute
{
    private static readonly string[] States = ["pending", "running", "success", "failed", "canceled", "skipped"];

    public static async Task SetAsync(HttpContext context, StandInProject project, string sha)
    {
        var body = await ApiAnswer.BodyAsync(context);
        var state = body.Text("state");
        if (await project.Repository.FindCommitAsync(sha, context.RequestAborted) is null)
        {
            await ApiAnswer.NotFoundAsync(context, "Commit");
            return;
        }

        var reference = body.Text("ref");
        if (reference is null || !States.Contains(state))
        {
            await (reference is null ? ApiAnswer.NotFoundAsync(context, "References for commit")
                : ApiAnswer.WriteAsync(context, 400, new { error = "state does not have a valid value" }));
            return;
        }

        var (description, target) = (body.Text("description"), body.Text("target_url"));
        if (description?.Length > 255 || target?.Length > 255)
        {
            await ApiAnswer.MessageAsync(context, 400, "description or target_url is too long (maximum is 255 characters)");
            return;
        }

        var status = new StandInStatus(sha, reference, body.Text("name") ?? "default", state!, description, target);
        await (Refusal(project, status) is { } refusal
            ? ApiAnswer.MessageAsync(context, 400, refusal)
            : ApiAnswer.WriteAsync(context, 201, new { id = 1, status.Sha, status.Ref, status = status.State, status.Name, status.Description, status.TargetUrl }));
    }

    /// <summary>Stores the status in place of an unfinished one of that name, unless GitLab's state machine knows no such step.</summary>
    private static string? Refusal(StandInProject project, StandInStatus status)
    {
        lock (project.StatusList)
        {
            var at = project.StatusList.FindLastIndex(other => other.Sha == status.Sha && other.Ref == status.Ref && other.Name == status.Name);
            var current = at < 0 ? null : project.StatusList[at].State;
            if (current is "pending" or "running")
            {
                var step = (current, status.State) switch
                {
                    (_, "pending") => "enqueue",
                    ("running", "running") => "run",
                    _ => null,
                };
                if (step is not null)
                {
                    return $"Cannot transition status via :{step} from :{current} (Reason(s): Status cannot transition via \"{step}\")";
                }

                project.StatusList[at] = status;
            }
            else
            {
                project.StatusList.Add(status);
            }

            return null;
        }
    }
}
