using Microsoft.EntityFrameworkCore;

namespace ReleaseBot.History;

/// <summary>The projects that we know, and the tags that they had when we first did.</summary>
public sealed class ProjectCatalog(HistoryDatabase database)
{
    private const int NamesInOneQuery = 200;

    /// <summary>Makes a project known, or follows it to its new path.</summary>
    public async Task<Project> EnsureAsync(long id, string path, string? url, CancellationToken cancellationToken) =>
        // Nearly always it is there as it is, and nothing need be written.
        await database.ReadAsync(
            (context, token) => context.Projects.SingleOrDefaultAsync(row => row.Id == id && row.Path == path && (url == null || row.Url == url), token), cancellationToken)
        ?? await database.WriteAsync(
            async (context, token) =>
            {
                var project = await context.Projects.AsTracking().SingleOrDefaultAsync(row => row.Id == id, token);
                if (project is null)
                {
                    project = new Project { Id = id, Path = path, FirstSeenAt = await database.NowAsync(context, token) };
                    context.Projects.Add(project);
                }

                project.Path = path;
                project.Url = url ?? project.Url;
                await context.SaveChangesAsync(token);
                return project;
            },
            cancellationToken);

    public Task<List<Project>> AllAsync(CancellationToken cancellationToken) =>
        database.ReadAsync((context, token) => context.Projects.OrderBy(project => project.Id).ToListAsync(token), cancellationToken);

    /// <summary>Takes the tags that a project has now as its baseline, which is also its first look. Only the first call counts. A name that comes twice, as it may from a listing in pages, counts once.</summary>
    /// <param name="lookedAt">From before GitLab was asked for them.</param>
    public Task SetBaselineAsync(
        long projectId, DateTimeOffset lookedAt, DateTimeOffset nextLookAt, IReadOnlyCollection<(string Name, string Target)> tags, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var project = await context.Projects.AsTracking().SingleAsync(row => row.Id == projectId, token);
                if (project.BaselineAt is not null)
                {
                    return false;
                }

                project.BaselineAt = await database.NowAsync(context, token);
                (project.ReconciledAt, project.NextLookAt) = (lookedAt, nextLookAt);
                context.BaselineTags.AddRange(tags.DistinctBy(tag => tag.Name).Select(tag => new BaselineTag { ProjectId = projectId, Name = tag.Name, Target = tag.Target }));
                await context.SaveChangesAsync(token);
                return true;
            },
            cancellationToken);

    /// <summary>Of a project's tags, by name and target object, those that are neither in its baseline nor a release already.</summary>
    public Task<IReadOnlyList<(string Name, string Target)>> UnknownTagsAsync(
        long projectId, IReadOnlyCollection<(string Name, string Target)> tags, CancellationToken cancellationToken) =>
        database.ReadAsync<IReadOnlyList<(string Name, string Target)>>(
            async (context, token) =>
            {
                var baseline = await context.BaselineTags.Where(tag => tag.ProjectId == projectId).Select(tag => new { tag.Name, tag.Target }).ToListAsync(token);
                var known = baseline.Select(tag => (tag.Name, tag.Target)).ToHashSet();
                foreach (var names in tags.Where(tag => !known.Contains(tag)).Select(tag => tag.Name).Distinct().Chunk(NamesInOneQuery))
                {
                    var released = await context.Releases
                        .Where(row => row.ProjectId == projectId && row.RefKind == Core.RefKind.Tag && names.Contains(row.RefName))
                        .Select(row => new { row.RefName, row.Target })
                        .ToListAsync(token);
                    known.UnionWith(released.Select(row => (row.RefName, row.Target)));
                }

                return [.. tags.Where(tag => !known.Contains(tag))];
            },
            cancellationToken);

    /// <summary>Writes down that a project's tags were looked at.</summary>
    /// <param name="lookedAt">From before GitLab was asked.</param>
    public Task MarkLookedAtAsync(long projectId, DateTimeOffset lookedAt, DateTimeOffset nextLookAt, CancellationToken cancellationToken) =>
        database.WriteAsync(
            (context, token) => context.Projects.Where(project => project.Id == projectId)
                .ExecuteUpdateAsync(project => project.SetProperty(row => row.ReconciledAt, lookedAt).SetProperty(row => row.NextLookAt, nextLookAt), token),
            cancellationToken);

    /// <summary>Writes down that a project's hooks were looked at.</summary>
    public Task MarkHooksSeenAsync(long projectId, DateTimeOffset nextHooksAt, CancellationToken cancellationToken) =>
        database.WriteAsync(
            (context, token) => context.Projects.Where(project => project.Id == projectId)
                .ExecuteUpdateAsync(project => project.SetProperty(row => row.NextHooksAt, nextHooksAt), token),
            cancellationToken);
}
