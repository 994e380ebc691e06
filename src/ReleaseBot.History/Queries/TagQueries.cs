using ReleaseBot.Core;

namespace ReleaseBot.History;

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

    /// <summary>Those after which the tag pointed to something that we put there, and not decisions to leave it or findings.</summary>
    public static IQueryable<TagMove> ThatMoved(this IQueryable<TagMove> moves) =>
        moves.Where(move => move.Verdict != TagVerdict.Kept && move.Verdict != TagVerdict.Refused && move.Verdict != TagVerdict.Drifted);
}
