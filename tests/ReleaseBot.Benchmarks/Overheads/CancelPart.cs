using System.Globalization;
using ReleaseBot.Benchmarks.Reporting;
using ReleaseBot.StandIns.GitLab;

namespace ReleaseBot.Benchmarks.Overheads;

/// <summary>How long the step of a build still runs at the engine once an operator has asked for the release's end, with one process and with several.</summary>
internal sealed class CancelPart : BenchPart
{
    private const int Releases = 10;

    private static readonly TimeSpan StepLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    private int _versions;

    public override string Name => "cancel";

    public override string Summary => "from an operator's cancel to the end of the step at the engine";

    public override async Task RunAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        await using var world = await OverheadWorld.StartAsync(options.ProgramPath, cancellationToken);
        foreach (var setup in world.Setups)
        {
            var (project, commit) = await world.AddEndlessAsync(setup, cancellationToken);
            Samples median = new(), all = new();
            for (var round = 0; round < options.Rounds; round++)
            {
                var took = new Samples();
                for (var i = 0; i < (options.IsShort ? 2 : Releases); i++)
                {
                    var milliseconds = (await CancelAsync(world, setup, project, commit, cancellationToken)).TotalMilliseconds;
                    took.Add(milliseconds);
                    all.Add(milliseconds);
                }

                median.Add(took.Median);
                Say($"{setup.Name}, round {round + 1} of {options.Rounds}: median {took.Median:F0} ms, longest {took.Percentile(1):F0} ms");
            }

            report.Add(Name, setup.Name, "cancel to the step's end, p50", "ms", median);
            report.Add(Name, setup.Name, string.Create(CultureInfo.InvariantCulture, $"the longest of {all.Count}"), "ms", all.Percentile(1), Target.AtMost(2000));
        }
    }

    private async Task<TimeSpan> CancelAsync(OverheadWorld world, OverheadSetup setup, StandInProject project, string commit, CancellationToken cancellationToken)
    {
        var version = string.Create(CultureInfo.InvariantCulture, $"v1.0.{++_versions}");
        await world.TagAsync(project, version, commit, cancellationToken);
        var release = (await setup.Api.WaitForReleaseAsync(project.Path, version, cancellationToken))["id"]!.GetValue<string>();
        await UntilAsync(() => setup.Engine.RunningSteps().Count > 0, "begun", cancellationToken);
        var started = TimeProvider.System.GetTimestamp();
        await setup.Api.PostAsync($"api/v1/releases/{release}/cancel", cancellationToken);
        await UntilAsync(() => setup.Engine.RunningSteps().Count == 0, "ended", cancellationToken);
        var took = TimeProvider.System.GetElapsedTime(started);
        await setup.Api.WaitForCanceledAsync(project.Path, version, cancellationToken);
        return took;
    }

    private static async Task UntilAsync(Func<bool> isSo, string what, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!isSo())
        {
            if (TimeProvider.System.GetElapsedTime(started) > StepLimit)
            {
                throw new TimeoutException($"The step had not {what} within {StepLimit}.");
            }

            await Task.Delay(Poll, TimeProvider.System, cancellationToken);
        }
    }
}
