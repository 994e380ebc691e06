using System.Diagnostics;
using System.Text;

namespace ReleaseBot.StandIns.GitLab.Git;

/// <summary>Runs the real git, free of the machine's configuration.</summary>
internal static class GitCommand
{
    public static async Task<string> RunAsync(string directory, IEnumerable<string> arguments, CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? environment = null)
    {
        var list = arguments.ToList();
        var (exitCode, output, errors) = await TryAsync(directory, list, null, cancellationToken, environment);
        return exitCode == 0
            ? Encoding.UTF8.GetString(output)
            : throw new InvalidOperationException($"git {string.Join(' ', list)} ended with {exitCode}: {errors}");
    }

    public static async Task<(int ExitCode, byte[] Output, string Errors)> TryAsync(
        string directory, IEnumerable<string> arguments, ReadOnlyMemory<byte>? input, CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? environment = null)
    {
        using var process = Start(directory, arguments, environment);
        try
        {
            var errors = process.StandardError.ReadToEndAsync(cancellationToken);
            using var output = new MemoryStream();
            var copied = process.StandardOutput.BaseStream.CopyToAsync(output, cancellationToken);
            if (input is { } bytes)
            {
                await process.StandardInput.BaseStream.WriteAsync(bytes, cancellationToken);
            }

            process.StandardInput.Close();
            await copied;
            await process.WaitForExitAsync(cancellationToken);
            return (process.ExitCode, output.ToArray(), await errors);
        }
        catch
        {
            Kill(process);
            throw;
        }
    }

    public static Process Start(string directory, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo("git")
        {
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["GIT_CONFIG_NOSYSTEM"] = "1";
        start.Environment["GIT_CONFIG_GLOBAL"] = "/dev/null";
        start.Environment["GIT_TERMINAL_PROMPT"] = "0";
        start.Environment["LC_ALL"] = "C.UTF-8";
        foreach (var role in (string[])["AUTHOR", "COMMITTER"])
        {
            start.Environment[$"GIT_{role}_NAME"] = "Jane Doe";
            start.Environment[$"GIT_{role}_EMAIL"] = "jane@example.com";
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new InvalidOperationException("The stand-in needs git (apt-get install git).", e);
        }
    }

    public static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It had ended by itself.
        }
    }
}
