using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace ReleaseBot.GitLab;

/// <param name="Errors">The end of what git wrote to its error output.</param>
internal sealed record GitResult(int ExitCode, string Output, string Errors);

/// <summary>Runs git with an environment of our making; of our own environment it sees the search path and the proxies alone.</summary>
internal sealed class GitProcess(string workDirectory, IReadOnlyDictionary<string, string> environment, TimeProvider time)
{
    private const int MaxOutputLength = 16 * 1024;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(30);
    private static readonly string[] Inherited =
        ["PATH", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "all_proxy", "ALL_PROXY"];

    /// <exception cref="GitLabException">git is not installed, or ran longer than half an hour. An exit code is not an exception.</exception>
    public async Task<GitResult> RunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(Limit, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        using var process = Start(arguments);
        var output = DrainAsync(process.StandardOutput);
        var errors = DrainAsync(process.StandardError);
        try
        {
            await process.WaitForExitAsync(linked.Token);
        }
        catch (OperationCanceledException e)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            if (!cancellationToken.IsCancellationRequested)
            {
                throw new GitLabException(GitLabFault.Unavailable, $"git ran for more than {Limit.TotalMinutes:0} minutes.", innerException: e);
            }

            throw;
        }

        return new GitResult(process.ExitCode, await output, await errors);
    }

    private Process Start(IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("git")
        {
            WorkingDirectory = workDirectory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        var inherited = Inherited.Where(start.Environment.ContainsKey).Select(name => (name, value: start.Environment[name])).ToList();
        start.Environment.Clear();
        foreach (var (name, value) in inherited)
        {
            start.Environment[name] = value;
        }

        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        try
        {
            var process = Process.Start(start)!;
            process.StandardInput.Close();
            return process;
        }
        catch (Win32Exception e)
        {
            throw new GitLabException(GitLabFault.Unexpected, "git can't be run: install it on the worker (apt-get install git).", innerException: e);
        }
    }

    /// <summary>Reads to the end, so that the child never waits on a full pipe, and keeps the last part.</summary>
    private static async Task<string> DrainAsync(StreamReader reader)
    {
        var kept = new StringBuilder();
        var buffer = new char[4096];
        int read;
        while ((read = await reader.ReadAsync(buffer)) > 0)
        {
            kept.Append(buffer, 0, read);
            if (kept.Length > MaxOutputLength)
            {
                kept.Remove(0, kept.Length - MaxOutputLength);
            }
        }

        return kept.ToString();
    }
}
