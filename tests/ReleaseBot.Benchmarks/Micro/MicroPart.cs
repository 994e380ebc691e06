using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using ReleaseBot.Benchmarks.Reporting;

namespace ReleaseBot.Benchmarks.Micro;

/// <summary>What is on every release's or hook's way, piece by piece, with BenchmarkDotNet.</summary>
internal sealed class MicroPart : BenchPart
{
    /// <summary>For one benchmark; a hanging one ends the part.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly Type[] Classes = [typeof(PlannerBenchmarks), typeof(WebhookBenchmarks), typeof(ContextBenchmarks), typeof(VersionBenchmarks)];

    public override string Name => "micro";

    public override string Summary => "planner, webhook signature, payload, build context and versions, each by itself: time and bytes allocated";

    public override Task RunAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        // Beside the report, which is in artifacts/: else BenchmarkDotNet makes a folder of its own.
        var folder = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(options.JsonPath))!, "micro");
        foreach (var type in Classes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Say(type.Name);
            var log = new AccumulationLogger();
            var summary = BenchmarkRunner.Run(type, Config(options, folder, log));
            ThrowIfFailed(type, summary, log);
            Add(report, summary);
        }

        return Task.CompletedTask;
    }

    /// <summary>In this process: a benchmark's own would have to be built first, which takes longer than to run them all.</summary>
    private static ManualConfig Config(BenchOptions options, string folder, ILogger log)
    {
        var job = (options.IsShort ? Job.Dry : Job.ShortRun.WithIterationCount(5 * options.Rounds)).WithToolchain(new InProcessEmitToolchain(Patience, logOutput: true));
        var config = ManualConfig.CreateEmpty()
            .AddJob(job).AddLogger(log).AddDiagnoser(MemoryDiagnoser.Default).AddColumnProvider(DefaultColumnProviders.Instance)
            .WithArtifactsPath(folder);
        // Whether a benchmark works is as true of a Debug build.
        return options.IsShort ? config.WithOptions(ConfigOptions.DisableOptimizationsValidator) : config;
    }

    private static void ThrowIfFailed(Type type, Summary summary, AccumulationLogger log)
    {
        if (summary.HasCriticalValidationErrors || summary.Reports.Length == 0 || summary.Reports.Any(report => !report.Success))
        {
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"{type.Name} failed.\n{log.GetLog()}"));
        }
    }

    private void Add(BenchReport report, Summary summary)
    {
        foreach (var one in summary.Reports)
        {
            var name = one.BenchmarkCase.Descriptor.WorkloadMethodDisplayInfo.Trim('\'');
            report.Add(Name, name, "mean", "µs", one.ResultStatistics!.Mean / 1000);
            if (one.GcStats.GetBytesAllocatedPerOperation(one.BenchmarkCase) is { } bytes)
            {
                report.Add(Name, name, "allocated", "B", bytes);
            }
        }
    }
}
