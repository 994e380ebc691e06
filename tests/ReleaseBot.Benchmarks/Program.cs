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
BenchPart[] wanted;
try
{
    options = BenchOptions.Parse(args, [.. parts.Select(part => part.Name)]);
    wanted = [.. parts.Where(part => options.Parts.Count == 0 || options.Parts.Contains(part.Name))];
    options.ExpectCase([.. wanted.SelectMany(part => part.CaseNames)]);
    Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(options.JsonPath))!);
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
var report = new BenchReport(hasTargets: !options.IsShort);
List<string> failed = [];
foreach (var part in wanted)
{
    try
    {
        await part.RunAsync(options, report, stop.Token);
    }
    catch (Exception exception) when (!stop.IsCancellationRequested)
    {
        // The others are of use without it.
        Console.Error.WriteLine($"{part.Name} failed: {exception}");
        failed.Add(part.Name);
    }

    await report.WriteAsync(options.JsonPath, options.Asked, machine, CancellationToken.None);
}

report.Print();
Console.WriteLine($"The figures, round by round: {options.JsonPath}");
if (failed.Count > 0)
{
    Console.Error.WriteLine($"Not measured: {string.Join(", ", failed)}. See above.");
}

// A target that is not met is a finding, not a fault of the run.
return failed.Count == 0 ? 0 : 1;
