using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;
using ReleaseBot.Benchmarks.Publish;
using ReleaseBot.Benchmarks.Reporting;
using ReleaseBot.StandIns.GitLab;

namespace ReleaseBot.Benchmarks.Log;

/// <summary>
/// How long a line of a build takes from the engine to everybody who follows the log. Each line bears the machine's uptime at which it was printed,
/// to 10 ms; who follows it reads the same clock.
/// </summary>
internal sealed partial class LogPart : BenchPart
{
    private const string Project = "bench/log";

    public override string Name => "log";

    public override string Summary => "from a line that a build prints to everybody who follows its log, by server-sent events";

    public override async Task RunAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        await using var world = await PublishWorld.StartAsync(options, cancellationToken);
        var project = await world.GitLab.AddProjectAsync(Project, null, cancellationToken);
        project.ProtectedTags.Add("v*");
        using var clone = await StandInRepository.CreateAsync(world.GitLab, project, cancellationToken);
        File.Copy("/bin/busybox", Path.Combine(clone.Directory, "busybox"));
        foreach (var followers in options.IsShort ? new[] { 3 } : [1, 100])
        {
            Samples median = new(), late = new(), longest = new();
            for (var round = 0; round < options.Rounds; round++)
            {
                var delays = await FollowAsync(world, clone, string.Create(CultureInfo.InvariantCulture, $"v{followers}.{round}.0"), followers, options.IsShort ? 20 : 200, cancellationToken);
                median.Add(delays.Median);
                late.Add(delays.Percentile(0.99));
                longest.Add(delays.Percentile(1));
                Say($"{followers} followers, round {round + 1} of {options.Rounds}: {delays.Count} lines, median {median.Values[^1] * 1000:F0} ms, p99 {late.Values[^1] * 1000:F0} ms");
            }

            var name = string.Create(CultureInfo.InvariantCulture, $"{followers} followers");
            report.Add(Name, name, "from the step's print to a follower, median", "s", median);
            report.Add(Name, name, "99 of 100 lines", "s", late, Target.AtMost(0.5));
            report.Add(Name, name, "the slowest line", "s", longest);
        }
    }

    private static async Task<Samples> FollowAsync(
        PublishWorld world, StandInRepository clone, string tag, int followers, int lines, CancellationToken cancellationToken)
    {
        await clone.CommitAsync(new Dictionary<string, string?> { ["Dockerfile"] = Dockerfile(tag, lines) }, tag, cancellationToken);
        await clone.TagAsync(tag, null, cancellationToken);
        await clone.PushAsync(cancellationToken, "main", tag);
        var release = (await world.Bot.WaitForReleaseAsync(Project, tag, cancellationToken))["id"]!.GetValue<string>();
        ConcurrentBag<double> delays = [];
        await Task.WhenAll(Enumerable.Range(0, followers).Select(_ => FollowAsync(world.Bot, release, delays, cancellationToken)));
        await world.Bot.WaitForPublishedAsync(Project, tag, cancellationToken);
        if (delays.Count != followers * lines)
        {
            throw new InvalidOperationException($"{followers} followers saw {delays.Count} lines in all, and not {lines} each.");
        }

        var samples = new Samples();
        foreach (var delay in delays)
        {
            samples.Add(delay);
        }

        return samples;
    }

    private static async Task FollowAsync(BotProgram bot, string release, ConcurrentBag<double> delays, CancellationToken cancellationToken)
    {
        using var response = await bot.FollowAsync($"api/v1/releases/{release}/log", cancellationToken);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (PrintedAt().Match(line) is { Success: true } match)
            {
                delays.Add(Uptime() - double.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture));
            }
        }
    }

    /// <summary>Seconds, by proc_uptime(5).</summary>
    private static double Uptime() => double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture);

    /// <summary>A step that begins when those who follow are there.</summary>
    private static string Dockerfile(string tag, int lines) => string.Create(CultureInfo.InvariantCulture, $"""
        FROM scratch
        COPY busybox /bin/busybox
        RUN ["/bin/busybox", "sh", "-c", "/bin/busybox sleep 2; i=0; while [ $i -lt {lines} ]; do echo {tag} printed at $(/bin/busybox cut -d' ' -f1 /proc/uptime); i=$((i+1)); /bin/busybox sleep 0.03; done"]

        """);

    [GeneratedRegex("^data: .* printed at ([0-9.]+)$", RegexOptions.CultureInvariant)]
    private static partial Regex PrintedAt();
}
