using System.Globalization;
using ReleaseBot.Benchmarks.Publish;
using ReleaseBot.Benchmarks.Reporting;
using ReleaseBot.StandIns.GitLab;

namespace ReleaseBot.Benchmarks.Log;

/// <summary>
/// How long a line of a build takes from the engine to everybody who follows the log, and how many of them get there in a second. Each line bears the machine's
/// uptime at which it was printed, to 10 ms; who follows it reads the same clock.
/// </summary>
internal sealed class LogPart : BenchPart
{
    private const string Project = "bench/log";
    private const string Stamp = " printed at ";

    public override string Name => "log";

    public override string Summary => "from a line that a build prints to everybody who follows its log, by server-sent events";

    public override async Task RunAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        await using var world = await PublishWorld.StartAsync(options, cancellationToken);
        var project = await world.GitLab.AddProjectAsync(Project, null, cancellationToken);
        project.ProtectedTags.Add("v*");
        using var clone = await StandInRepository.CreateAsync(world.GitLab, project, cancellationToken);
        File.Copy("/bin/busybox", Path.Combine(clone.Directory, "busybox"));
        var cases = Cases(options);
        for (var round = 0; round < options.Rounds; round++)
        {
            foreach (var one in Turns(cases, round))
            {
                var tag = string.Create(CultureInfo.InvariantCulture, $"v1.{Array.IndexOf(cases, one)}.{round}");
                one.Add(await FollowAsync(world, clone, tag, one, cancellationToken));
                Say($"{one.Name}, round {round + 1} of {options.Rounds}: {one}");
            }
        }

        foreach (var one in cases)
        {
            report.Add(Name, one.Name, "from the step's print to a follower, median", "s", one.Median);
            report.Add(Name, one.Name, "99 of 100 lines", "s", one.Late, Target.AtMost(0.5));
            report.Add(Name, one.Name, "the slowest line", "s", one.Slowest);
            report.Add(Name, one.Name, "lines a second at each follower", "1/s", one.Rate);
        }
    }

    /// <summary>A line now and then, as most builds print; and as many as BuildKit lets a step print, 100 KiB a second (more is cut).</summary>
    private static LogCase[] Cases(BenchOptions options) => options.IsShort
        ? [new LogCase("3 followers", 3, 20, 1)]
        :
        [
            new LogCase("1 follower", 1, 200, 1), new LogCase("100 followers", 100, 200, 1), new LogCase("1 follower, many lines", 1, 20_000, 100),
            new LogCase("100 followers, many lines", 100, 20_000, 100),
        ];

    private static async Task<Followed> FollowAsync(PublishWorld world, StandInRepository clone, string tag, LogCase one, CancellationToken cancellationToken)
    {
        await clone.CommitAsync(new Dictionary<string, string?> { ["Dockerfile"] = Dockerfile(tag, one) }, tag, cancellationToken);
        await clone.TagAsync(tag, null, cancellationToken);
        await clone.PushAsync(cancellationToken, "main", tag);
        var release = (await world.Bot.WaitForReleaseAsync(Project, tag, cancellationToken))["id"]!.GetValue<string>();
        var followers = await Task.WhenAll(Enumerable.Range(0, one.Followers).Select(_ => Task.Run(() => FollowAsync(world.Bot, release, cancellationToken), cancellationToken)));
        await world.Bot.WaitForPublishedAsync(Project, tag, cancellationToken);
        return Array.Find(followers, follower => follower.Delays.Count != one.Lines) is { } other
            ? throw new InvalidOperationException($"{one.Name}: a follower saw {other.Delays.Count} lines, and not {one.Lines}.")
            : new Followed([.. followers.SelectMany(follower => follower.Delays)], followers.Min(follower => follower.From), followers.Max(follower => follower.To));
    }

    private static async Task<Followed> FollowAsync(BotProgram bot, string release, CancellationToken cancellationToken)
    {
        var followed = new Followed([], double.MaxValue, 0);
        using var response = await bot.FollowAsync($"api/v1/releases/{release}/log", cancellationToken);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal) && line.LastIndexOf(Stamp, StringComparison.Ordinal) is > 0 and var at
                && double.TryParse(line.AsSpan(at + Stamp.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var printed))
            {
                var seen = Uptime.Seconds;
                followed.Delays.Add(seen - printed);
                followed = followed with { From = Math.Min(followed.From, printed), To = seen };
            }
        }

        return followed;
    }

    /// <summary>A step that begins when those who follow are there, and reads the clock once for several lines: to read it starts a process.</summary>
    private static string Dockerfile(string tag, LogCase one) => string.Create(CultureInfo.InvariantCulture, $"""
        FROM scratch
        COPY busybox /bin/busybox
        RUN ["/bin/busybox", "sh", "-c", "/bin/busybox sleep 2; i=0; while [ $i -lt {one.Lines} ]; do at=$(/bin/busybox cut -d' ' -f1 /proc/uptime); j=0; while [ $j -lt {one.AtOnce} ]; do echo {tag}{Stamp}$at; j=$((j+1)); done; i=$((i+j)); /bin/busybox sleep 0.03; done"]

        """);

    /// <summary>proc_uptime(5), read once and then taken from the clock that it is made of, which costs a follower next to nothing.</summary>
    private static class Uptime
    {
        private static readonly double Offset = double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture) - Environment.TickCount64 / 1000.0;

        public static double Seconds => Environment.TickCount64 / 1000.0 + Offset;
    }

    /// <param name="Delays">Of each line at each follower, in seconds.</param>
    /// <param name="From">When the first was printed.</param>
    /// <param name="To">When the last had come.</param>
    private sealed record Followed(List<double> Delays, double From, double To);

    /// <param name="AtOnce">Lines that are printed one right after the other.</param>
    private sealed record LogCase(string Name, int Followers, int Lines, int AtOnce)
    {
        public Samples Median { get; } = new();

        public Samples Late { get; } = new();

        public Samples Slowest { get; } = new();

        public Samples Rate { get; } = new();

        public void Add(Followed followed)
        {
            var delays = new Samples();
            followed.Delays.ForEach(delays.Add);
            Median.Add(delays.Median);
            Late.Add(delays.Percentile(0.99));
            Slowest.Add(delays.Percentile(1));
            Rate.Add(Lines / (followed.To - followed.From));
        }

        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture, $"{Rate.Values[^1]:F0} lines a second, median {Median.Values[^1] * 1000:F0} ms, p99 {Late.Values[^1] * 1000:F0} ms");
    }
}
