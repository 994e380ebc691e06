using ReleaseBot.Configuration;
using ReleaseBot.Core;

namespace ReleaseBot.Commands;

/// <summary>What a command that runs the service needs, once the configuration is known to be good.</summary>
internal delegate Task<int> RunWithSettings(ReleaseBotSettings settings, Roles roles, MergedConfiguration configuration, CancellationToken cancellationToken);

/// <summary>As <see cref="RunWithSettings"/>, of a check.</summary>
/// <param name="isPresumed">Nobody named the roles: the configuration would not do for both, and is checked as that of one.</param>
internal delegate Task<int> RunCheck(
    ReleaseBotSettings settings, Roles roles, bool isPresumed, MergedConfiguration configuration, CancellationToken cancellationToken);

/// <summary>What the commands know of the process around them.</summary>
internal sealed record CommandEnvironment
{
    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    /// <summary>A person reads the output, not a program.</summary>
    public required bool IsTerminal { get; init; }

    /// <summary>Columns of the terminal.</summary>
    public int Width { get; init; } = 80;

    /// <summary>The sources of the configuration, less what the command line adds.</summary>
    public required ConfigurationSources Sources { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public WaitLimits Limits { get; init; } = new();

    public required RunWithSettings Serve { get; init; }

    public required RunWithSettings Migrate { get; init; }

    public required RunCheck Check { get; init; }

    /// <summary>A variable of the environment; null where it is not set or empty.</summary>
    public string? Variable(string name) => Sources.Environment.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    public static CommandEnvironment OfProcess()
    {
        // For what writes to the console by itself too.
        Console.SetOut(new CommandOutput(Console.Out));
        Console.SetError(new CommandOutput(Console.Error));
        return new()
        {
            Out = Console.Out,
            Error = Console.Error,
            IsTerminal = !Console.IsOutputRedirected,
            Width = Console.IsOutputRedirected ? 80 : Math.Max(Console.WindowWidth, 40),
            Sources = new ConfigurationSources(),
            Serve = Hosting.ServerHost.RunAsync,
            Migrate = Hosting.MigrationRunner.RunAsync,
            Check = Hosting.CheckRunner.RunAsync,
        };
    }
}

/// <summary>How long <c>publish --wait</c> waits for what.</summary>
internal sealed record WaitLimits
{
    public TimeSpan Reconnect { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan Poll { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A log that is silent for longer is asked for again, in case the connection died unnoticed.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>A server that can't be reached for longer is given up.</summary>
    public TimeSpan Unreachable { get; init; } = TimeSpan.FromMinutes(5);
}

/// <summary>What a command ends with.</summary>
internal static class ExitCode
{
    public const int Ok = 0;
    public const int Failed = 1;

    /// <summary>Wrong usage or configuration: nothing was tried.</summary>
    public const int Invalid = 2;
}
