using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Publish;

/// <summary>One of the scripts beside this file, run as a job would be: in a folder of its own, with a Docker client of its own.</summary>
internal sealed class ScriptRun : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rb-bench-job-");
    private readonly Dictionary<string, string> _environment;

    /// <param name="environment">Beside what names the engine, or in its place.</param>
    public ScriptRun(DockerDaemon engine, IReadOnlyDictionary<string, string> environment)
    {
        _environment = new()
        {
            ["DOCKER_HOST"] = engine.Endpoint.ToString(),
            ["DOCKER_CONFIG"] = Path.Combine(_folder.FullName, ".docker"),
            // The client that came with the engine, whatever else is on the machine.
            ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin",
            // The default of clients since 23.0.
            ["DOCKER_BUILDKIT"] = "1",
            ["GIT_TERMINAL_PROMPT"] = "0",
        };
        foreach (var (name, value) in environment)
        {
            _environment[name] = value;
        }
    }

    public string Folder => _folder.FullName;

    /// <returns>What it printed.</returns>
    /// <exception cref="InvalidOperationException">The script failed; with its output.</exception>
    public async Task<string> RunAsync(string script, IReadOnlyDictionary<string, string> variables, CancellationToken cancellationToken)
    {
        var (exitCode, output) = await ServerProcess.RunAsync(
            "bash", [script], new Dictionary<string, string>(_environment.Concat(variables)), Folder, Limit, cancellationToken);
        if (exitCode != 0)
        {
            throw new InvalidOperationException($"{Path.GetFileName(script)} ended with {exitCode}:\n{output}");
        }

        return output;
    }

    public ValueTask DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return ValueTask.CompletedTask;
    }
}
