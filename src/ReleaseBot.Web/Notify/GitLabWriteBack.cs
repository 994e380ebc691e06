using System.Text;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.History;
using ReleaseBot.Notifications;

namespace ReleaseBot.Web;

/// <summary>Tells GitLab itself: a status on the commit, and the images in the tag's GitLab Release.</summary>
internal sealed class GitLabWriteBack(GitLabClient gitLab, ReleaseBotSettings settings)
{
    public Task<DeliveryReport> SetCommitStatusAsync(DueMessage message, CancellationToken cancellationToken)
    {
        var release = message.Release;
        if (release.Commit is not { } commit)
        {
            return Task.FromResult<DeliveryReport>(new DeliveryReport.Dead("The commit was never known."));
        }

        var state = message.Outcome is Outcome.Published or Outcome.Recovered ? CommitState.Success : CommitState.Failed;
        var text = release.Reason?.Message ?? Published(release.Images.Count(image => image.Status == ImageStatus.Pushed));
        return ReportAsync(() => gitLab.SetCommitStatusAsync(
            release.ProjectId, ObjectId.Parse(commit), release.Ref, state, text, News.PageOf(release.Id, settings), cancellationToken));
    }

    public Task<DeliveryReport> UpsertReleaseAsync(DueMessage message, CancellationToken cancellationToken)
    {
        var release = message.Release;
        return ReportAsync(() => gitLab.UpsertReleaseAsync(release.ProjectId, release.Ref, Describe(release), [], cancellationToken));
    }

    private static string Published(int tags) => $"published {tags} image {(tags == 1 ? "tag" : "tags")}";

    private static string Describe(Release release)
    {
        var text = new StringBuilder("Container images:\n\n");
        foreach (var image in release.Images.Where(image => image.Status == ImageStatus.Pushed).OrderBy(image => image.Ordinal))
        {
            text.Append("- `").Append(image.Reference).Append("` (`").Append(image.Digest).Append("`)\n");
        }

        return text.ToString();
    }

    private static async Task<DeliveryReport> ReportAsync(Func<Task> tell)
    {
        try
        {
            await tell();
            return new DeliveryReport.Delivered();
        }
        catch (GitLabException exception) when (exception.IsTransient)
        {
            return new DeliveryReport.Retry(exception.Message, exception.RetryAfter);
        }
        catch (GitLabException exception)
        {
            return new DeliveryReport.Dead(exception.Message);
        }
    }
}
