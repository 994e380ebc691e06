using ReleaseBot.Commands;
using ReleaseBot.Configuration;
using ReleaseBot.Core;
using Spectre.Console;

namespace ReleaseBot.Hosting;

/// <summary>Asks everything the configuration names, and prints a verdict and a cure for each.</summary>
internal static class CheckRunner
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    public static async Task<int> RunAsync(
        ReleaseBotSettings settings, Roles roles, bool isPresumed, MergedConfiguration configuration, CancellationToken cancellationToken)
    {
        await using var app = ServerHost.BuildOrTell(settings, roles, configuration);
        if (app is null)
        {
            return ExitCode.Invalid;
        }

        var mask = new SecretMask(SettingsSecrets.All(settings));
        var results = await Task.WhenAll(Checks.Of(settings, roles, app.Services).Select(check => RunAsync(check, mask, cancellationToken)));
        Print(results);
        Console.WriteLine(Summary(results, roles, isPresumed));
        return results.Any(result => result.Verdict == Verdict.Failed) ? 1 : 0;
    }

    /// <param name="isPresumed">Nobody said that the process is to have these roles alone, so nothing may sound as if both were well.</param>
    public static string Summary(IReadOnlyList<CheckResult> results, Roles roles, bool isPresumed)
    {
        var failed = results.Count(result => result.Verdict == Verdict.Failed);
        var leftOut = results.Count(result => result.Verdict == Verdict.LeftOut) is > 0 and var some ? $" {some} {(some == 1 ? "was" : "were")} not looked at here." : "";
        return (failed > 0, isPresumed) switch
        {
            (true, _) => $"{failed} of {results.Count} checks failed.",
            (_, true) => $"Good for --roles {roles.ToString().ToLowerInvariant()} only: serve would not start with both roles.",
            _ => "All good.",
        } + leftOut;
    }

    private static async Task<CheckResult> RunAsync(Check check, SecretMask mask, CancellationToken cancellationToken)
    {
        try
        {
            var result = await check.Ask(cancellationToken).WaitAsync(Limit, cancellationToken);
            return result with { Subject = check.Subject, Finding = mask.Apply(result.Finding), Cure = mask.Apply(result.Cure) };
        }
        catch (TimeoutException)
        {
            return new CheckResult(check.Subject, Verdict.Failed, $"no answer within {Limit.TotalSeconds:F0} s", check.Cure);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return new CheckResult(check.Subject, Verdict.Failed, mask.Apply(exception.Message), check.Cure);
        }
    }

    private static void Print(IReadOnlyList<CheckResult> results)
    {
        if (Console.IsOutputRedirected)
        {
            foreach (var result in results)
            {
                Console.WriteLine($"{Word(result.Verdict),-5} {result.Subject}: {result.Finding}{(result.Cure.Length > 0 ? $" -> {result.Cure}" : "")}");
            }

            return;
        }

        var table = new Table().RoundedBorder().AddColumns("", "What", "Finding", "Cure");
        foreach (var result in results)
        {
            var colour = result.Verdict switch
            {
                Verdict.Ok => "green",
                Verdict.Doubt => "yellow",
                Verdict.LeftOut => "grey",
                _ => "red",
            };
            table.AddRow(new Markup($"[{colour}]{Word(result.Verdict)}[/]"), new Text(result.Subject), new Text(result.Finding), new Text(result.Cure));
        }

        AnsiConsole.Write(table);
    }

    private static string Word(Verdict verdict) => verdict switch
    {
        Verdict.Ok => "ok",
        Verdict.Doubt => "?",
        Verdict.LeftOut => "-",
        _ => "FAIL",
    };
}
