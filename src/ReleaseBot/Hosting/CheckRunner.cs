using ReleaseBot.Configuration;
using ReleaseBot.Core;

namespace ReleaseBot.Hosting;

/// <summary>Asks everything the configuration names, and prints a verdict for each.</summary>
internal static class CheckRunner
{
    public static async Task<int> RunAsync(ReleaseBotSettings settings, Roles roles, MergedConfiguration configuration, CancellationToken cancellationToken)
    {
        await Console.Error.WriteLineAsync("releasebot: the configuration is valid, but this build has no \"check\" yet.".AsMemory(), cancellationToken);
        return 1;
    }
}
