using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <summary>
/// GitLab's REST API, as far as releases need it. Every method throws <see cref="GitLabException"/> when GitLab can't or won't, and only
/// then; a lookup answers null for what is not there. One instance serves the whole process.
/// </summary>
/// <seealso href="https://docs.gitlab.com/api/rest/"/>
public sealed partial class GitLabClient : IDisposable
{
    private const int MaxPages = 10_000;
    private const int MaxKeptBytes = 16 * 1024 * 1024;
    private readonly HttpClient? _ownHttp;
    private readonly ConditionalCache? _projectPages;
    private readonly ConditionalCache? _tagPages;
    private readonly GitLabTransport _transport;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <exception cref="ArgumentException">GitLab:CaFile holds no certificate.</exception>
    public GitLabClient(GitLabSettings settings, TimeProvider time, ILogger<GitLabClient> logger)
        : this(GitLabHandler.Create(settings), settings, time, logger)
    {
    }

    /// <param name="handler">The way to GitLab; disposed of with the client. It must not follow redirects by itself, since the token would go along.</param>
    public GitLabClient(HttpMessageHandler handler, GitLabSettings settings, TimeProvider time, ILogger<GitLabClient> logger)
    {
        _ownHttp = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        _transport = new GitLabTransport(_ownHttp, settings, time, null);
        _time = time;
        _logger = logger;
    }

    private GitLabClient(GitLabClient whole, GitLabPace pace)
    {
        _transport = whole._transport.At(pace);
        _projectPages = new ConditionalCache(MaxKeptBytes);
        _tagPages = new ConditionalCache(MaxKeptBytes);
        _time = whole._time;
        _logger = whole._logger;
    }

    /// <summary>A client on the same connections for long series of requests: at a pace, waiting out a 429, and asking lists only for what has changed.</summary>
    public GitLabClient At(GitLabPace pace) => new(this, pace);

    public void Dispose() => _ownHttp?.Dispose();

    public Task<GitLabProject?> GetProjectAsync(long id, CancellationToken cancellationToken) =>
        FindProjectAsync($"projects/{id}", $"project {id}", cancellationToken);

    /// <param name="path">path_with_namespace, e.g. <c>acme/shop</c>.</param>
    public Task<GitLabProject?> GetProjectAsync(string path, CancellationToken cancellationToken) =>
        FindProjectAsync($"projects/{Uri.EscapeDataString(path)}", $"project {path}", cancellationToken);

    /// <summary>Asks for a tag or branch by its kind and name: what it points to now, and whether it is protected. Null when it is not there.</summary>
    public async Task<GitLabRef?> GetRefAsync(long projectId, GitRef reference, CancellationToken cancellationToken)
    {
        var what = Of(reference, projectId);
        var kind = reference.Kind == RefKind.Tag ? "tags" : "branches";
        var url = _transport.At($"projects/{projectId}/repository/{kind}/{Uri.EscapeDataString(reference.Name)}");
        var found = await _transport.FindAsync(url, what, GitLabJson.Default.RefJson, cancellationToken);
        if (found is null)
        {
            return null;
        }

        // A proxy that decodes %2F or a GitLab that ignores case must not pass one ref off as another.
        if (found.Name != reference.Name)
        {
            throw new GitLabException(GitLabFault.Unexpected, $"GitLab was asked for {what} and answered with another one.");
        }

        var tag = ToTag(found, what);
        return new GitLabRef(tag.IsProtected, tag.Target, tag.Commit, tag.CommittedAt);
    }

    /// <summary>A commit by its whole id; null when it is not there.</summary>
    public async Task<GitLabCommit?> GetCommitAsync(long projectId, ObjectId commit, CancellationToken cancellationToken)
    {
        var what = $"the commit {commit.Short} of project {projectId}";
        var found = await _transport.FindAsync(
            _transport.At($"projects/{projectId}/repository/commits/{commit}"), what, GitLabJson.Default.CommitJson, cancellationToken);
        if (found is null)
        {
            return null;
        }

        return found.Id == commit.Value && (found.CommittedDate ?? found.CreatedAt) is { } committedAt
            ? new GitLabCommit(commit, committedAt)
            : throw new GitLabException(GitLabFault.Unexpected, $"GitLab was asked for {what} and answered with something else.");
    }

    /// <summary>Whether a rule of the project would protect a tag of this name, which need not exist (doc/api/protected_tags.md). Only who may see the rules can ask.</summary>
    public async Task<bool> WouldProtectTagAsync(long projectId, string name, CancellationToken cancellationToken)
    {
        var first = _transport.At($"projects/{projectId}/protected_tags?per_page=100");
        await foreach (var rule in ListAsync(first, $"the protected tags of project {projectId}", GitLabJson.Default.ListProtectionJson, null, cancellationToken))
        {
            if (new RefPattern(rule.Name).Matches(name))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>All tags, page by page, the latest first: by the tagger's date, or by the commit's for a lightweight tag.</summary>
    public async IAsyncEnumerable<GitLabTag> ListTagsAsync(long projectId, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var what = $"the tags of project {projectId}";
        var first = _transport.At($"projects/{projectId}/repository/tags?order_by=updated&sort=desc&per_page=100");
        await foreach (var tag in ListAsync(first, what, GitLabJson.Default.ListRefJson, _tagPages, cancellationToken))
        {
            yield return ToTag(tag, what);
        }
    }

    /// <summary>The projects that the token's user is a member of, without archived ones, the latest active first.</summary>
    public async IAsyncEnumerable<GitLabProject> ListProjectsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var first = _transport.At("projects?membership=true&archived=false&simple=true&order_by=last_activity_at&sort=desc&per_page=100");
        await foreach (var project in ListAsync(first, "the projects", GitLabJson.Default.ListProjectJson, _projectPages, cancellationToken))
        {
            yield return ToProject(project);
        }
    }

    /// <summary>A file's bytes as they are in the repository; null when it is not there.</summary>
    /// <exception cref="GitLabException">Also when the file is longer than <paramref name="maxBytes"/>.</exception>
    public async Task<byte[]?> GetFileAsync(long projectId, ObjectId commit, string path, int maxBytes, CancellationToken cancellationToken)
    {
        var url = _transport.At($"projects/{projectId}/repository/files/{Uri.EscapeDataString(path)}/raw?ref={commit}");
        var answer = await _transport.GetAsync(url, $"the file {Printable.Text(path, 200)} of project {projectId}", "read_api", maxBytes, null, cancellationToken);
        return answer?.Body;
    }

    /// <summary>
    /// The source of a commit as tar.gz, without submodules; every path is below one folder whose name is GitLab's. Reading throws
    /// <see cref="GitLabException"/> when the connection breaks off or is silent for a minute.
    /// </summary>
    /// <exception cref="GitLabException"><see cref="GitLabFault.RateLimitedArchive"/> when the archive's own limit is reached.</exception>
    public async Task<Stream> OpenArchiveAsync(long projectId, ObjectId commit, CancellationToken cancellationToken)
    {
        var what = $"the source archive of {commit.Short} of project {projectId}";
        var response = await _transport.OpenAsync(_transport.At($"projects/{projectId}/repository/archive.tar.gz?sha={commit}"), what, cancellationToken);
        if (response.StatusCode == HttpStatusCode.TooManyRequests)
        {
            var wait = GitLabFaults.RetryAfter(response, _time);
            response.Dispose();
            throw new GitLabException(GitLabFault.RateLimitedArchive, $"GitLab limits how often {what} may be had (429).", wait);
        }

        // Its headers are here, so that there is nothing to wait for, and no time for a cancel to leave the response open.
        return new ArchiveStream(response, await response.Content.ReadAsStreamAsync(CancellationToken.None), _time);
    }

    /// <summary>Asks GitLab whose the token is and what it may do.</summary>
    public async Task<GitLabTokenCheck> CheckTokenAsync(CancellationToken cancellationToken)
    {
        var user = await _transport.FindAsync(_transport.At("user"), "the token's user", GitLabJson.Default.UserJson, cancellationToken)
            ?? throw new GitLabException(GitLabFault.Unexpected, "GitLab's API is not at GitLab:Url (404).");
        TokenJson? token = null;
        try
        {
            token = await _transport.FindAsync(
                _transport.At("personal_access_tokens/self"), "the token itself", GitLabJson.Default.TokenJson, cancellationToken);
        }
        catch (GitLabException e) when (e.Fault is GitLabFault.Denied or GitLabFault.Unexpected)
        {
            // Not every kind of token can be asked about; the user above shows that this one is good.
            Log.TokenNotTold(_logger, e.Message);
        }

        return new GitLabTokenCheck(Printable.Text(user.Username, 255), token?.Scopes, token?.ExpiresAt);
    }

    private async Task<GitLabProject?> FindProjectAsync(string path, string what, CancellationToken cancellationToken) =>
        await _transport.FindAsync(_transport.At(path), what, GitLabJson.Default.ProjectJson, cancellationToken) is { } project ? ToProject(project) : null;

    private async IAsyncEnumerable<T> ListAsync<T>(
        Uri first, string what, JsonTypeInfo<List<T>> type, ConditionalCache? cache, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var next = first;
        for (var page = 0; next is not null; page++)
        {
            var (items, following) = await _transport.GetPageAsync(next, what, type, cache, cancellationToken);
            foreach (var item in items)
            {
                yield return item;
            }

            if (following == next || page == MaxPages)
            {
                throw new GitLabException(GitLabFault.Unexpected, $"GitLab's list of {what} does not end.");
            }

            next = following;
        }
    }

    private static GitLabProject ToProject(ProjectJson project) => new(
        project.Id, project.PathWithNamespace, project.WebUrl, project.HttpUrlToRepo, project.DefaultBranch, project.LastActivityAt);

    private static GitLabTag ToTag(RefJson found, string what)
    {
        if (!ObjectId.TryParse(found.Commit.Id, out var commit)
            || !ObjectId.TryParse(found.Target ?? found.Commit.Id, out var target)
            || (found.Commit.CommittedDate ?? found.Commit.CreatedAt) is not { } committedAt)
        {
            throw new GitLabException(GitLabFault.Unexpected, $"GitLab's answer for {what} names no commit.");
        }

        return new GitLabTag(found.Name, found.Protected, target, commit, committedAt);
    }

    private static string Of(GitRef reference, long projectId) =>
        $"the {(reference.Kind == RefKind.Tag ? "tag" : "branch")} {Printable.Text(reference.Name, 100)} of project {projectId}";

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Debug, Message = "GitLab does not tell the token's scopes: {Reason}")]
        public static partial void TokenNotTold(ILogger logger, string reason);

        [LoggerMessage(EventId = 2, Level = LogLevel.Debug, Message = "The commit status of {Commit} is {State} already.")]
        public static partial void StatusAlreadySet(ILogger logger, string commit, CommitState state);
    }
}
