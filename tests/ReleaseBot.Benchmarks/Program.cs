using ReleaseBot.Benchmarks;
using ReleaseBot.Benchmarks.Context;
using ReleaseBot.Benchmarks.History;
using ReleaseBot.Benchmarks.Intake;
using ReleaseBot.Benchmarks.Intake.Subjects;
using ReleaseBot.Benchmarks.Log;
using ReleaseBot.Benchmarks.Micro;
using ReleaseBot.Benchmarks.Overheads;
using ReleaseBot.Benchmarks.Publish;
using ReleaseBot.Benchmarks.Reporting;
using ReleaseBot.Benchmarks.Start;
using ReleaseBot.Benchmarks.Workers;

if (args is [PlainKestrel.Argument, var port])
{
    return await PlainKestrel.ServeAsync(port);
}

if (args is [RerootRun.Argument, var before, var archive])
{
    return await RerootRun.ServeAsync(before, archive);
}

BenchPart[] parts =
[
    new PublishPart(),
    new IntakePart(),
    new OverheadsPart(),
    new CancelPart(),
    new HistoryPart(),
    new ContextPart(),
    new LogPart(),
    new WorkersPart(),
    new StartPart(),
    new MicroPart(),
];
BenchOptions options;
try
{
    options = BenchOptions.Parse(args, [.. parts.Select(part => part.Name)]);
}
catch (ArgumentException exception)
{
    Console.Error.WriteLine($"{exception.Message} See ops/bench.sh --help.");
    return 2;
}

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    stop.Cancel();
};
var machine = await MachineFacts.GatherAsync(stop.Token);
var report = new BenchReport();
foreach (var part in parts.Where(part => options.Parts.Count == 0 || options.Parts.Contains(part.Name)))
{
    await part.RunAsync(options, report, stop.Token);
}

report.Print();
await report.WriteAsync(options.JsonPath, options.Asked, machine, CancellationToken.None);
Console.WriteLine($"The figures, round by round: {options.JsonPath}");
// A target that is not met is a finding, not a fault of the run.
return 0;
