using ReleaseBot.Configuration;
using ReleaseBot.Core;

namespace ReleaseBot.Hosting;

/// <summary>Applies the database migrations.</summary>
internal static class MigrationRunner
{
    public static async Task<int> RunAsync(ReleaseBotSettings settings, Roles roles, MergedConfiguration configuration, CancellationToken cancellationToken)
    {
        await Console.Error.WriteLineAsync("releasebot: the configuration is valid, but this build has no \"migrate\" yet.".AsMemory(), cancellationToken);
        return 1;
    }
}
