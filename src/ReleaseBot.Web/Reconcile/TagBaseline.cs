using Microsoft.Extensions.Logging;
using ReleaseBot.GitLab;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Takes the tags that a project has when it is first known as its baseline: those are published by a hook or by hand, never by reconciling.</summary>
internal sealed partial class TagBaseline(GitLabClient gitLab, ProjectCatalog catalog, TimeProvider time, ILogger<TagBaseline> logger)
{
    /// <summary>Tags looked at in one project, the newest.</summary>
    private const int MaxTags = 100_000;

    public async Task TakeAsync(GitLabProject project, CancellationToken cancellationToken)
    {
        // From before they are asked for: a tag pushed meanwhile is for the next look.
        var lookedAt = time.GetUtcNow();
        var tags = await TagsAsync(project.Id, cancellationToken);
        await catalog.SetBaselineAsync(
            project.Id, lookedAt, LookPolicy.NextLook(project.Id, hasOpenTags: false, lookedAt), [.. tags.Select(tag => (tag.Name, tag.Target.Value))], cancellationToken);
        Log.Taken(logger, project.Path, tags.Count);
    }

    public async Task<IReadOnlyList<GitLabTag>> TagsAsync(long projectId, CancellationToken cancellationToken)
    {
        List<GitLabTag> tags = [];
        await foreach (var tag in gitLab.ListTagsAsync(projectId, cancellationToken))
        {
            tags.Add(tag);
            if (tags.Count >= MaxTags)
            {
                break;
            }
        }

        return tags;
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "{Project} is known now; its {Count} tags are the baseline and are not published by themselves.")]
        public static partial void Taken(ILogger logger, string project, int count);
    }
}
