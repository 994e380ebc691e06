using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using ReleaseBot.Core;

namespace ReleaseBot.Hosting;

/// <summary>One line an event, times in UTC, every secret masked: messages, exceptions and all.</summary>
internal sealed class ConsoleLog(SecretMask mask, TimeProvider time) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "releasebot";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        if (IsToldElsewhere(logEntry.Category, logEntry.Exception))
        {
            return;
        }

        var message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        var line = string.Create(CultureInfo.InvariantCulture,
            $"{time.GetUtcNow():yyyy-MM-dd'T'HH:mm:ss.fff'Z'} {Level(logEntry.LogLevel)} {Category(logEntry.Category)}: {message}");
        textWriter.WriteLine(mask.Apply(line));
        if (logEntry.Exception is { } exception)
        {
            // A warning is of something that is expected to happen; where it was noticed helps nobody.
            textWriter.WriteLine(mask.Apply(logEntry.LogLevel >= LogLevel.Error ? exception.ToString() : "  " + Causes(exception)));
        }
    }

    /// <summary>
    /// That there is no listening as configured is said in a line with its cure, where the start ends; the host would add a trace of it, and one of each service
    /// that it had started already and stops.
    /// </summary>
    private static bool IsToldElsewhere(string category, Exception? exception) =>
        category == "Microsoft.Extensions.Hosting.Internal.Host" && (exception is OperationCanceledException or ObjectDisposedException || exception is not null && ServerHost.IsOfListening(exception));

    /// <summary>What went wrong, and why, and why that; on one line.</summary>
    private static string Causes(Exception exception)
    {
        List<string> messages = [];
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (messages.Count == 0 || !messages[^1].Contains(cause.Message, StringComparison.Ordinal))
            {
                messages.Add(cause.Message.ReplaceLineEndings(" "));
            }
        }

        return string.Join(" <- ", messages);
    }

    private static string Category(string category) => category[(category.LastIndexOf('.') + 1)..];

    private static string Level(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info ",
        LogLevel.Warning => "warn ",
        LogLevel.Error => "error",
        _ => "fatal",
    };
}

internal static class ConsoleLogging
{
    public static void AddReleaseBotConsole(this ILoggingBuilder logging, IConfiguration configuration, IReadOnlyList<Secret> secrets)
    {
        // Libraries speak up when something is wrong; Logging:LogLevel can have more. What EF says of a command that failed, its caller says better.
        logging.AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Critical);
        logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("MassTransit", LogLevel.Warning).AddFilter("Polly", LogLevel.Warning).AddFilter("System.Net.Http", LogLevel.Warning);
        logging.AddConfiguration(configuration.GetSection("Logging"));
        logging.AddConsole(options =>
        {
            options.FormatterName = ConsoleLog.FormatterName;
            options.LogToStandardErrorThreshold = LogLevel.Warning;
        });
        logging.Services.AddSingleton<ConsoleFormatter>(provider => new ConsoleLog(new SecretMask(secrets), provider.GetRequiredService<TimeProvider>()));
    }
}
