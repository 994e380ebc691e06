using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>What it means for a release that a registry holds another image than its own under one of its names.</summary>
public abstract record NameFinding
{
    private NameFinding()
    {
    }

    /// <summary>The release may put its own there.</summary>
    public sealed record Replaceable : NameFinding;

    /// <summary>It was published from the same commit of the same branch, and stays.</summary>
    public sealed record Stays : NameFinding;

    /// <summary>A published version, or a stranger's tag, is not overwritten.</summary>
    public sealed record Refused(Reason Reason) : NameFinding;

    /// <param name="standing">Who the tag belongs to by history; null where history knows nothing of it.</param>
    /// <param name="found">What the registry says.</param>
    /// <param name="imageId">The config digest of that; null where its manifest names none.</param>
    public static NameFinding Of(
        ImageRef image, ImageTagKind kind, OverwritePolicy overwrite, TagStanding? standing, Release release, Digest found, string? imageId)
    {
        // First of all: who may overwrite a tag does not put another build of the same commit there.
        if (kind == ImageTagKind.Version && standing is { IsPublished: true } && standing.Digest == found && standing.IsOfSameCommit(release))
        {
            return new Stays();
        }

        if (kind != ImageTagKind.Version || overwrite == OverwritePolicy.Allow || standing?.IsHandedTo(release) == true)
        {
            return new Replaceable();
        }

        if (standing is { IsPublished: false } && (standing.Digest == found || imageId is not null && standing.ImageIds.Contains(imageId)))
        {
            // Pushed by a release that never reached published: nobody was told of it, so it may go.
            return new Replaceable();
        }

        if (standing is { IsPublished: true } && (standing.ProjectId, standing.Ref) != (release.ProjectId, release.Ref.FullName))
        {
            return new Refused(new Reason(ReasonCode.TagTaken, TagConflicts.Taken(image, standing.ProjectId, standing.Ref, release)));
        }

        var reason = standing is { IsPublished: true }
            ? $"{image} was published by release {standing.ReleaseId} as {found.Short}, and a published version never changes."
            : $"{image} exists in the registry as {found.Short} and was not published by us.";
        return new Refused(new Reason(ReasonCode.VersionExists, $"{reason} Release a new version, or set Overwrite to Allow."));
    }
}
