using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace ReleaseBot.Parts;

/// <summary>A program that runs beside the tests, its output kept, to be ended, stopped and continued.</summary>
public sealed class ServerProcess : IDisposable
{
    private const int Continue = 18;
    private const int Stop = 19;
    private const int Terminate = 15;

    private static readonly TimeSpan ExitLimit = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private ServerProcess(Process process) => _process = process;

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>Standard output and error so far.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    public static ServerProcess Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, string folder)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var server = new ServerProcess(new Process { StartInfo = start });
        server._process.OutputDataReceived += (_, line) => server.Keep(line.Data);
        server._process.ErrorDataReceived += (_, line) => server.Keep(line.Data);
        server._process.Start();
        server._process.BeginOutputReadLine();
        server._process.BeginErrorReadLine();
        return server;
    }

    /// <summary>Runs a program to its end.</summary>
    /// <returns>Its exit code, and what it printed.</returns>
    /// <exception cref="TimeoutException">It took longer than the limit, and was killed with everything that it had started.</exception>
    public static async Task<(int ExitCode, string Output)> RunAsync(
        string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, string folder, TimeSpan limit, CancellationToken cancellationToken)
    {
        using var process = Start(program, arguments, environment, folder);
        using var over = new CancellationTokenSource(limit, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(over.Token, cancellationToken);
        try
        {
            await process.WaitForExitAsync(either.Token);
        }
        catch (OperationCanceledException exception)
        {
            await process.KillTreeAsync();
            cancellationToken.ThrowIfCancellationRequested();
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end within {limit}:\n{process.Output}", exception);
        }

        return (process.ExitCode, process.Output);
    }

    /// <summary>SIGKILL.</summary>
    public Task KillAsync()
    {
        _process.Kill();
        return WaitAsync();
    }

    /// <summary>SIGKILL to it and to everything that it started.</summary>
    public Task KillTreeAsync()
    {
        _process.Kill(entireProcessTree: true);
        return WaitAsync();
    }

    /// <summary>SIGTERM.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> TerminateAsync()
    {
        _ = Signal(Id, Terminate);
        await WaitAsync();
        return ExitCode;
    }

    /// <summary>SIGSTOP: it stands still and knows nothing of it.</summary>
    public void Freeze() => _ = Signal(Id, Stop);

    /// <summary>SIGCONT.</summary>
    public void Thaw() => _ = Signal(Id, Continue);

    public Task WaitForExitAsync(CancellationToken cancellationToken) => _process.WaitForExitAsync(cancellationToken);

    public void Dispose() => _process.Dispose();

    private async Task WaitAsync()
    {
        using var limit = new CancellationTokenSource(ExitLimit, TimeProvider.System);
        await _process.WaitForExitAsync(limit.Token);
    }

    private void Keep(string? line)
    {
        lock (_output)
        {
            _output.AppendLine(line);
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Signal(int process, int signal);
}
