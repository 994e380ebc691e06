using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;

namespace ReleaseBot.History;

public enum HandoverOutcome
{
    Done,
    /// <summary>History knows no owner of the tag or repository, so that nothing needs to be handed over.</summary>
    NoOwner,
    /// <summary>It is theirs already.</summary>
    AlreadyTheirs,
}

/// <summary>Names that an operator gives to another project or ref: the way out of <c>repository-taken</c> and <c>tag-taken</c>.</summary>
public sealed class Handovers(HistoryDatabase database)
{
    /// <summary>From now on the repository is the other project's: it may publish there, and who did until now may not.</summary>
    public Task<HandoverOutcome> GiveAsync(ImageRepository repository, long projectId, string by, string reason, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                var owner = await context.RepositoryOwners.AsTracking().SingleOrDefaultAsync(
                    row => row.Host == repository.Host && row.Repository == repository.Name, token);
                if (owner is null)
                {
                    return HandoverOutcome.NoOwner;
                }

                if (owner.ProjectId == projectId)
                {
                    return HandoverOutcome.AlreadyTheirs;
                }

                context.Handovers.Add(Row(repository, null, owner.ProjectId, null, projectId, null, by, reason, now));
                owner.ProjectId = projectId;
                owner.IsPublished = true;
                owner.Since = now;
                await context.SaveChangesAsync(token);
                return HandoverOutcome.Done;
            },
            cancellationToken);

    /// <summary>
    /// Lets another ref take a tag: its next release may replace what is there, whatever Overwrite says. Until it does, the tag stays what it
    /// is and counts as it did.
    /// </summary>
    public Task<HandoverOutcome> GiveAsync(ImageRef image, long projectId, GitRef heir, string by, string reason, CancellationToken cancellationToken) =>
        database.WriteAsync(
            async (context, token) =>
            {
                var now = await database.NowAsync(context, token);
                if (await TagLedger.OwnerAsync(context, image, token) is not { } owner)
                {
                    return HandoverOutcome.NoOwner;
                }

                var isOwner = owner.ProjectId == projectId && owner.Ref == heir.FullName;
                if (isOwner ? owner.HandedToRef is null : owner.HandedToProjectId == projectId && owner.HandedToRef == heir.FullName)
                {
                    return HandoverOutcome.AlreadyTheirs;
                }

                context.Handovers.Add(Row(image.Repository, image.Tag, owner.ProjectId, owner.Ref, projectId, heir.FullName, by, reason, now));
                // Given back to its owner, it is nobody else's to take, and its owner may not replace it any more than before.
                owner.HandedToProjectId = isOwner ? null : projectId;
                owner.HandedToRef = isOwner ? null : heir.FullName;
                await context.SaveChangesAsync(token);
                return HandoverOutcome.Done;
            },
            cancellationToken);

    /// <summary>The project that history knows by its id or path. GitLab's paths are the same in any case.</summary>
    public Task<long?> ProjectAsync(string project, CancellationToken cancellationToken)
    {
        var lower = project.ToLowerInvariant();
        return database.ReadAsync(
#pragma warning disable CA1862 // EF Core turns this into lower(path); a comparison of .NET's it can't.
            async (context, token) => long.TryParse(project, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var id)
                ? await context.Projects.Where(row => row.Id == id).Select(row => (long?)row.Id).SingleOrDefaultAsync(token)
                : await context.Projects.Where(row => row.Path.ToLower() == lower).Select(row => (long?)row.Id).FirstOrDefaultAsync(token),
#pragma warning restore CA1862
            cancellationToken);
    }

    /// <summary>Those of a tag and of its repository, newest first.</summary>
    public Task<List<Handover>> OfAsync(ImageRef image, int limit, CancellationToken cancellationToken) =>
        database.ReadAsync(
            (context, token) => context.Handovers
                .Where(row => row.Host == image.Repository.Host && row.Repository == image.Repository.Name && (row.Tag == null || row.Tag == image.Tag))
                .OrderByDescending(row => row.Id).Take(limit).ToListAsync(token),
            cancellationToken);

    private Handover Row(
        ImageRepository repository, string? tag, long fromProject, string? fromRef, long toProject, string? toRef, string by, string reason, DateTimeOffset now) => new()
        {
            Id = database.NewId(now),
            Host = repository.Host,
            Repository = repository.Name,
            Tag = tag,
            FromProjectId = fromProject,
            FromRef = fromRef,
            ToProjectId = toProject,
            ToRef = toRef,
            By = by,
            Reason = reason,
            At = now,
        };
}
