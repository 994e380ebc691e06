using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

/// <summary>What is legal and yet probably not meant.</summary>
internal static class SettingsWarnings
{
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

        return warnings;
    }
}
