using System.Net;
using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <content>What ReleaseBot tells GitLab of a release. Every call may be repeated. The token needs the scope <c>api</c>.</content>
public sealed partial class GitLabClient
{
    private const string StatusName = "releasebot/publish";
    private const int MaxStatusTextLength = 255;
    private const int MaxStatusTries = 4;

    /// <summary>
    /// Sets the commit status <c>releasebot/publish</c>, always with the ref: without it GitLab looks for a branch that holds the commit.
    /// A status that stands already is a success. The description is cut to 255 characters.
    /// </summary>
    /// <seealso href="https://docs.gitlab.com/api/commits/#set-commit-pipeline-status"/>
    public async Task SetCommitStatusAsync(
        long projectId, ObjectId commit, GitRef reference, CommitState state, string description, Uri? target, CancellationToken cancellationToken)
    {
        var url = _transport.At($"projects/{projectId}/statuses/{commit}");
        var what = $"the commit status of {commit.Short} of project {projectId}";
        // A cut address would lead nowhere.
        var targetUrl = target?.AbsoluteUri is { Length: <= MaxStatusTextLength } address ? address : null;
        var status = new NewStatusJson(state.ToText(), reference.Name, StatusName, Printable.Text(description, MaxStatusTextLength), targetUrl);
        for (var attempt = 1; ; attempt++)
        {
            // 409: another update holds the lock on this commit (GitLab itself waits for about 10 s before it says so).
            var answer = await _transport.SendAsync(HttpMethod.Post, url, what, status, GitLabJson.Default.NewStatusJson,
                code => code is HttpStatusCode.BadRequest || code is HttpStatusCode.Conflict && attempt < MaxStatusTries, cancellationToken);
            switch (answer.Status)
            {
                case HttpStatusCode.Conflict:
                    await Task.Delay(TimeSpan.FromSeconds(attempt * (0.5 + Random.Shared.NextDouble())), _time, cancellationToken);
                    continue;
                case HttpStatusCode.BadRequest when GitLabFaults.Words(answer.Body)?.Contains("Cannot transition status", StringComparison.Ordinal) == true:
                    Log.StatusAlreadySet(_logger, commit.Short, state);
                    return;
                case HttpStatusCode.BadRequest:
                    throw new GitLabException(GitLabFault.Unexpected,
                        $"GitLab refuses {what} (400): {Printable.Text(GitLabFaults.Words(answer.Body) ?? "it does not say why", 300)}");
                default:
                    return;
            }
        }
    }

    /// <summary>
    /// Makes the GitLab Release of a tag, or puts our block into the description of the one that is there and leaves the rest of it alone.
    /// Links are added, and corrected by name or address; others stay.
    /// </summary>
    /// <param name="block">Markdown; kept between two comments by which it is found again.</param>
    /// <seealso href="https://docs.gitlab.com/api/releases/"/>
    public async Task UpsertReleaseAsync(long projectId, GitRef tag, string block, IReadOnlyList<ReleaseLink> links, CancellationToken cancellationToken)
    {
        if (tag.Kind != RefKind.Tag)
        {
            throw new ArgumentException("A GitLab Release belongs to a tag.", nameof(tag));
        }

        var what = $"the release of {Of(tag, projectId)}";
        var release = new NewReleaseJson(tag.Name, tag.Name, ReleaseDescription.WithBlock(null, block),
            new NewAssetsJson([.. links.Select(link => new NewLinkJson(link.Name, link.Url.AbsoluteUri))]));
        var answer = await _transport.SendAsync(HttpMethod.Post, _transport.At($"projects/{projectId}/releases"), what,
            release, GitLabJson.Default.NewReleaseJson, code => code is HttpStatusCode.Conflict, cancellationToken);
        if (answer.Status == HttpStatusCode.Conflict)
        {
            await UpdateReleaseAsync(projectId, tag, what, block, links, cancellationToken);
        }
    }

    private async Task UpdateReleaseAsync(
        long projectId, GitRef tag, string what, string block, IReadOnlyList<ReleaseLink> links, CancellationToken cancellationToken)
    {
        var path = $"projects/{projectId}/releases/{Uri.EscapeDataString(tag.Name)}";
        var found = await _transport.FindAsync(_transport.At(path), what, GitLabJson.Default.ReleaseJson, cancellationToken)
            // It went between the two calls.
            ?? throw new GitLabException(GitLabFault.Unavailable, $"GitLab says both that {what} exists and that it does not.");
        var description = ReleaseDescription.WithBlock(found.Description, block);
        if (description != found.Description)
        {
            await _transport.SendAsync(HttpMethod.Put, _transport.At(path), what,
                new ReleaseDescriptionJson(description), GitLabJson.Default.ReleaseDescriptionJson, _ => false, cancellationToken);
        }

        var present = found.Assets?.Links ?? [];
        foreach (var link in links)
        {
            var wanted = new NewLinkJson(link.Name, link.Url.AbsoluteUri);
            var same = present.FirstOrDefault(existing => existing.Name == wanted.Name) ?? present.FirstOrDefault(existing => existing.Url == wanted.Url);
            if (same is not null && same.Name == wanted.Name && same.Url == wanted.Url)
            {
                continue;
            }

            var (method, linkPath) = same is null ? (HttpMethod.Post, $"{path}/assets/links") : (HttpMethod.Put, $"{path}/assets/links/{same.Id}");
            await _transport.SendAsync(method, _transport.At(linkPath), $"a link in {what}", wanted, GitLabJson.Default.NewLinkJson, _ => false, cancellationToken);
        }
    }
}
