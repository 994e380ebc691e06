using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>What a tag pointed to at a time.</summary>
/// <param name="Moved">What we had done to it last; null where it was not there yet by our own deed.</param>
/// <param name="Drift">The finding that the registry says something else, where that was the last that was known.</param>
public sealed record TagState(TagMove? Moved, TagMove? Drift);

/// <summary>What was done to a tag, and what is wished of it.</summary>
internal static class TagQueries
{
    public static IQueryable<TagMove> Of(this IQueryable<TagMove> moves, ImageRef image)
    {
        var (host, repository, tag) = (image.Repository.Host, image.Repository.Name, image.Tag);
        return moves.Where(move => move.Host == host && move.Repository == repository && move.Tag == tag);
    }

    public static IQueryable<TagChange> Of(this IQueryable<TagChange> changes, ImageRef image)
    {
        var (host, repository, tag) = (image.Repository.Host, image.Repository.Name, image.Tag);
        return changes.Where(change => change.Host == host && change.Repository == repository && change.Tag == tag);
    }

    public static IQueryable<OpenPut> Of(this IQueryable<OpenPut> puts, ImageRef image)
    {
        var (host, repository, tag) = (image.Repository.Host, image.Repository.Name, image.Tag);
        return puts.Where(put => put.Host == host && put.Repository == repository && put.Tag == tag);
    }

    /// <summary>Those after which the tag pointed to something that we put there, and not decisions to leave it or findings.</summary>
    public static IQueryable<TagMove> ThatMoved(this IQueryable<TagMove> moves) =>
        moves.Where(move => move.Verdict != TagVerdict.Kept && move.Verdict != TagVerdict.Refused && move.Verdict != TagVerdict.Drifted && move.Verdict != TagVerdict.Agreed);
}
