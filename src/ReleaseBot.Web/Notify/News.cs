using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Notifications;

namespace ReleaseBot.Web;

/// <summary>What a channel is told, from the history's rows.</summary>
internal static class News
{
    public static ReleaseNews Of(DueMessage message, ReleaseBotSettings settings)
    {
        var release = message.Release;
        return new ReleaseNews
        {
            Outcome = message.Outcome,
            ReleaseId = release.Id,
            ProjectPath = release.ProjectPath,
            ProjectUrl = release.ProjectUrl is { } url ? new Uri(url) : null,
            Ref = release.RefName,
            RefKind = release.RefKind,
            Version = release.Version,
            Commit = release.Commit,
            User = release.TriggerUser,
            Reason = release.Reason,
            Drift = message.Drift,
            Images = [.. release.Images.OrderBy(image => image.Ordinal).Select(ImageOf)],
            Duration = release is { StartedAt: { } started, FinishedAt: { } finished } ? finished - started : null,
            Page = PageOf(release.Id, settings),
            At = message.Drift is null ? release.FinishedAt ?? release.CreatedAt : message.CreatedAt,
        };
    }

    public static Uri? PageOf(Guid releaseId, ReleaseBotSettings settings) =>
        settings.PublicUrl is { } root ? new Uri($"{root.AbsoluteUri.TrimEnd('/')}/releases/{releaseId}") : null;

    private static NewsImage ImageOf(ReleaseImage image) => new(
        image.Reference, image.Digest is { } digest ? Digest.Parse(digest) : null, image.Kind == ImageTagKind.Floating, image.Status.ToText());
}
