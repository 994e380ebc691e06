using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

/// <summary>What is legal and yet probably not meant.</summary>
internal static class SettingsWarnings
{
    /// <summary>What a template may say of a ref, so that no two kinds share it.</summary>
    private static readonly string[] OfTheRef = ["tag", "branch", "version", "major", "minor", "patch", "prerelease", "sha", "short_sha"];

    public static IReadOnlyList<string> Of(ReleaseBotSettings settings)
    {
        List<string> warnings = [];
        if (settings.GitLab.Url.Scheme == "http" && !LoopbackHost.Is(settings.GitLab.Url.Authority))
        {
            warnings.Add("GitLab:Url is plain http: everybody on the way can read the token and change what is built.");
        }

        if (settings.Engine is { Endpoint.Scheme: "tcp", CertificatePath: null } && !LoopbackHost.Is(settings.Engine.Endpoint.Authority))
        {
            warnings.Add("Engine:Endpoint is tcp without Engine:CertificatePath: whoever reaches that port owns the engine, and sees the registries' credentials.");
        }

        if (settings.Projects.Count == 0)
        {
            warnings.Add("Projects is empty: every event will be ignored.");
        }

        if (settings.Access is { AnonymousRead: true, Tokens.Count: 0 })
        {
            warnings.Add("Access:AnonymousRead does nothing without an entry of Access:Tokens: reading stays on loopback.");
        }

        warnings.AddRange(settings.Projects.SelectMany(SharedTags));
        return warnings;
    }

    /// <summary>Image tags that a rule would give to git tags and to branches alike.</summary>
    private static IEnumerable<string> SharedTags(ProjectRule rule, int index)
    {
        var shared = rule.Images.SelectMany(image => image.Tags).Where(tag => !OfTheRef.Any(tag.Uses)).Select(tag => tag.Text).Distinct().ToList();
        if (rule is { Tags.Count: > 0, Branches.Count: > 0 } && shared.Count > 0)
        {
            yield return $"Projects:{index} takes tags and branches, and both would have the image tag {string.Join(" and ", shared)}: the kind that publishes it first keeps it, "
                + "and the other is rejected with tag-taken. Use names that one of them alone has, as {branch} or {major}.{minor}.";
        }
    }
}
