using System.Globalization;

namespace ReleaseBot.Worker;

/// <summary>The annotations of the OCI image specification that every image gets as labels. They tell people where it comes from; they prove nothing.</summary>
internal static class ImageLabels
{
    private const string Prefix = "org.opencontainers.image.";

    public static IReadOnlyDictionary<string, string> Of(ReleaseRun run)
    {
        var release = run.Release;
        var labels = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [Prefix + "title"] = release.ProjectPath[(release.ProjectPath.LastIndexOf('/') + 1)..],
            [Prefix + "revision"] = run.Commit.Value,
            [Prefix + "version"] = release.Version ?? release.RefName,
            [Prefix + "ref.name"] = release.RefName,
        };
        if (release.ProjectUrl is { } url)
        {
            labels[Prefix + "url"] = url;
            labels[Prefix + "source"] = url;
        }

        if (release.CommittedAt is { } committedAt)
        {
            // The commit's time, not the build's: the same commit makes the same labels.
            labels[Prefix + "created"] = committedAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        }

        return labels;
    }
}
