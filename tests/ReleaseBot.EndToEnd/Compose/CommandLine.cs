using Xunit;

namespace ReleaseBot.EndToEnd.Compose;

/// <summary>A program that runs to its end, within a limit.</summary>
internal static class CommandLine
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>The repository, in which the tests were built.</summary>
    public static string Repository { get; } = FindRepository();

    /// <returns>What it printed, standard error too; fails unless it ended with 0.</returns>
    public static async Task<string> RunAsync(string folder, IReadOnlyDictionary<string, string> environment, string program, params string[] arguments)
    {
        var (code, output) = await TryAsync(folder, environment, program, arguments);
        code.ShouldBe(0, $"{program} {string.Join(' ', arguments)}:\n{output}");
        return output;
    }

    public static async Task<(int ExitCode, string Output)> TryAsync(
        string folder, IReadOnlyDictionary<string, string> environment, string program, params string[] arguments)
    {
        using var process = ServerProcess.Start(program, arguments, environment, folder);
        using var limit = new CancellationTokenSource(Limit, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, TestContext.Current.CancellationToken);
        try
        {
            await process.WaitForExitAsync(either.Token);
            return (process.ExitCode, process.Output);
        }
        catch (OperationCanceledException)
        {
            await process.KillTreeAsync();
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end:\n{process.Output}");
        }
    }

    private static string FindRepository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "docker-compose.yml")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException($"No docker-compose.yml above {AppContext.BaseDirectory}.");
        }

        return folder.FullName;
    }
}
