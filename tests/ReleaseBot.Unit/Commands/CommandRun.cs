using System.Text;
using ReleaseBot.Commands;
using ReleaseBot.Configuration;
using ReleaseBot.Core;

namespace ReleaseBot.Unit.Commands;

/// <summary>One run of the executable's commands, in process.</summary>
internal sealed class CommandRun
{
    private readonly StringBuilder _out = new();
    private readonly StringBuilder _error = new();
    private readonly TaskCompletionSource _printed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Dictionary<string, string> Environment { get; } = [];

    public bool IsTerminal { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public string WorkingDirectory { get; init; } = "/nowhere";

    public WaitLimits Limits { get; init; } = new()
    {
        Reconnect = TimeSpan.FromMilliseconds(5),
        Poll = TimeSpan.FromMilliseconds(5),
    };

    /// <summary>What goes wrong where the output is written; null where nothing does.</summary>
    public Exception? OutputFault { get; init; }

    /// <summary>What the service was started with; null where it was not.</summary>
    public (string Command, ReleaseBotSettings Settings, Roles Roles, MergedConfiguration Configuration)? Started { get; private set; }

    /// <summary>Whether the last check was told that nobody had named its roles.</summary>
    public bool IsPresumed { get; private set; }

    /// <summary>Ends when the first line of a log has been printed.</summary>
    public Task FirstLine => _printed.Task;

    public string Out => _out.ToString();

    public string Error => _error.ToString();

    public Task<int> InvokeAsync(params string[] arguments)
    {
        CommandEnvironment environment = new()
        {
            Out = OutputFault is { } fault ? new CommandOutput(new BrokenWriter(fault)) : new WatchedWriter(_out, _printed),
            Error = new StringWriter(_error),
            IsTerminal = IsTerminal,
            Time = Time,
            Limits = Limits,
            Sources = new ConfigurationSources { WorkingDirectory = WorkingDirectory, SecretsDirectory = "/nowhere", Environment = Environment },
            Serve = Record("serve"),
            Migrate = Record("migrate"),
            Check = (settings, roles, isPresumed, configuration, token) =>
            {
                IsPresumed = isPresumed;
                return Record("check")(settings, roles, configuration, token);
            },
        };
        return CommandLineApplication.RunAsync(arguments, environment, Xunit.TestContext.Current.CancellationToken);
    }

    private RunWithSettings Record(string command) => (settings, roles, configuration, _) =>
    {
        Started = (command, settings, roles, configuration);
        return Task.FromResult(ExitCode.Ok);
    };

    private sealed class BrokenWriter(Exception fault) : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => throw fault;
    }

    private sealed class WatchedWriter(StringBuilder text, TaskCompletionSource printed) : StringWriter(text)
    {
        public override async Task WriteLineAsync(ReadOnlyMemory<char> buffer, CancellationToken cancellationToken = default)
        {
            await base.WriteLineAsync(buffer, cancellationToken);
            printed.TrySetResult();
        }
    }
}
