using ReleaseBot.Configuration;
using ReleaseBot.Core;

namespace ReleaseBot.Hosting;

/// <summary>The roles that a process has, from start to drain.</summary>
internal static class ServerHost
{
    public static async Task<int> RunAsync(ReleaseBotSettings settings, Roles roles, MergedConfiguration configuration, CancellationToken cancellationToken)
    {
        await Console.Error.WriteLineAsync("releasebot: the configuration is valid, but this build has no \"serve\" yet.".AsMemory(), cancellationToken);
        return 1;
    }
}
