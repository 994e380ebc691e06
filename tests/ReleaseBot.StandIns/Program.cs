using System.Runtime.InteropServices;
using ReleaseBot.StandIns.GitLab;

// Stand-ins for what ReleaseBot talks to, each a program of its own: the first argument says which. A line that begins with READY tells
// that it listens, and where. SIGTERM or Ctrl+C ends it.
using var stopping = new CancellationTokenSource();
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);

try
{
    return args switch
    {
        ["gitlab", .. var rest] => await GitLabProgram.RunAsync(rest, stopping.Token),
        _ => throw new ArgumentException($"Which stand-in?\n{GitLabProgram.Usage}"),
    };
}
catch (ArgumentException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 2;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stopping.Cancel();
}
