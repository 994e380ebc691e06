using System.Runtime.InteropServices;
using ReleaseBot.StandIns.Chat;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.Registry;

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
        ["chat", .. var rest] => await ChatProgram.RunAsync(rest, Console.Out, stopping.Token),
        ["tokens", .. var rest] => await TokenProgram.RunAsync(rest, Console.Out, stopping.Token),
        _ => throw new ArgumentException($"Which stand-in?\n{GitLabProgram.Usage}\n{ChatProgram.Usage}\n{TokenProgram.Usage}"),
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
