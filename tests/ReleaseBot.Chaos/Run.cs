using System.Globalization;
using Npgsql;

namespace ReleaseBot.Chaos;

/// <summary>One run, from the parts to the verdict.</summary>
internal sealed class Run(ChaosOptions options)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>A lease, a claim, and a few tries at a chat that is away.</summary>
    private static readonly TimeSpan ToldWithin = TimeSpan.FromSeconds(60);

    private readonly long _began = TimeProvider.System.GetTimestamp();

    /// <returns>Whether every promise was kept.</returns>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        Say($"{options.Drill}, seed {options.Seed}: {options.Releases} releases in {options.Projects} projects{(options.Drill == Drill.Chaos ? $", a fault every {options.FaultEvery.TotalSeconds:F0} s" : "")}");
        await using var world = await World.StartAsync(cancellationToken);
        await using var fleet = await Fleet.StartAsync(world, cancellationToken);
        try
        {
            return await RunAsync(world, fleet, cancellationToken);
        }
        finally
        {
            KeepLogs(fleet);
        }
    }

    private async Task<bool> RunAsync(World world, Fleet fleet, CancellationToken cancellationToken)
    {
        await using var front = await Front.StartAsync(fleet, cancellationToken);
        var api = new Api(fleet);
        using var traffic = new Traffic(world, fleet, api, options, options.Drill == Drill.RollingRestart ? [front.Address, front.Address] : [.. fleet.Webs.Select(web => web.Address)]);
        await traffic.PrepareAsync(cancellationToken);
        await WaitForBaselinesAsync(world, traffic.ProjectCount, cancellationToken);
        Say("2 web processes, 3 workers, 2 engines behind TLS, 2 registries, PostgreSQL and RabbitMQ are there");
        var registries = world.Registries.Select(registry => new RegistryStore(registry)).ToList();
        var watcher = new TagWatcher(registries, options);
        var takeOvers = new TakeOvers(world.Database);
        ITroubles troubles = options.Drill switch
        {
            Drill.BusAway => new BusAway(world, options.Away),
            Drill.RollingRestart => new RollingRestart(world, fleet, front),
            _ => new Faults(world, fleet, api, takeOvers, options),
        };
        using var calm = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var watching = watcher.RunAsync(over.Token);
        var striking = troubles.RunAsync(calm.Token);
        IReadOnlyList<ApiRelease> releases;
        try
        {
            await traffic.RunAsync(cancellationToken);
            Say($"all is pushed: {traffic.Pushed.Count} tags, {traffic.Branch.Count} commits of a branch; {traffic.LostHooks} tags without a hook, {traffic.LateHooks} pushes with late ones, {traffic.Resent} deliveries sent again");
            releases = await WaitForEndAsync(api, traffic, striking, calm, cancellationToken);
        }
        finally
        {
            await calm.CancelAsync();
            await striking;
            await over.CancelAsync();
            await watching;
        }

        Report(world, troubles, takeOvers, releases);
        foreach (var bot in fleet.All)
        {
            await fleet.WaitUntilReadyAsync(bot, cancellationToken);
        }

        await WaitUntilToldAsync(world, cancellationToken);
        var holds = await new Verdict(world, fleet, traffic, troubles, takeOvers, watcher, registries, releases, options.LogFolder).LookAsync(api, cancellationToken);
        Say(holds ? "every promise was kept" : $"not every promise was kept; the same again: ops/chaos.sh --seed {options.Seed} --releases {options.Releases} --projects {options.Projects}");
        return holds;
    }

    /// <summary>What a project has when it is first known is never published by itself, so nobody tags before that.</summary>
    private async Task WaitForBaselinesAsync(World world, int projects, CancellationToken cancellationToken)
    {
        var known = await WaitForCountAsync(
            world, "SELECT count(*) FROM projects WHERE baseline_at IS NOT NULL", count => count >= projects,
            options.Limit - TimeProvider.System.GetElapsedTime(_began), cancellationToken);
        if (known < projects)
        {
            throw new TimeoutException($"{known} of {projects} projects are known after {options.Limit}.");
        }
    }

    /// <summary>What a killed process was about to tell is told by another after its lease. Whatever has not been told by then is for the verdict to find.</summary>
    private async Task WaitUntilToldAsync(World world, CancellationToken cancellationToken)
    {
        var left = await WaitForCountAsync(
            world, "SELECT count(*) FROM outbox_messages WHERE delivered_at IS NULL AND dead_at IS NULL", count => count == 0, ToldWithin, cancellationToken);
        Say($"{left} messages are left to be told");
    }

    /// <returns>The count that was waited for, or the last one within the limit.</returns>
    private static async Task<long> WaitForCountAsync(World world, string sql, Func<long, bool> isEnough, TimeSpan limit, CancellationToken cancellationToken)
    {
        var began = TimeProvider.System.GetTimestamp();
        // A fresh one: those of the pool may be from before the database was stopped.
        var unpooled = new NpgsqlConnectionStringBuilder(world.Database) { Pooling = false }.ConnectionString;
        await using var connection = new NpgsqlConnection(unpooled);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        while (true)
        {
            var count = (long)(await command.ExecuteScalarAsync(cancellationToken))!;
            if (isEnough(count) || TimeProvider.System.GetElapsedTime(began) > limit)
            {
                return count;
            }

            await Task.Delay(Pause, TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>Faults go on until half of what was left is done; the rest has to come to its end in peace.</summary>
    private async Task<IReadOnlyList<ApiRelease>> WaitForEndAsync(
        Api api, Traffic traffic, Task striking, CancellationTokenSource calm, CancellationToken cancellationToken)
    {
        var expected = traffic.Pushed.Where(tag => tag.IsProtected).Select(tag => (tag.Project, tag.Name)).ToHashSet();
        var waiting = int.MaxValue;
        var atFirst = 0;
        while (true)
        {
            if (striking.IsFaulted)
            {
                // A fault that can't be healed is a fault of this program.
                await striking;
            }

            var releases = await api.ReleasesAsync(cancellationToken);
            var ended = releases.Where(release => release.HasEnded).Select(release => (release.Project.Path, release.Ref.Name)).ToHashSet();
            var left = expected.Count(tag => !ended.Contains(tag));
            atFirst = waiting == int.MaxValue ? left : atFirst;
            if (left != waiting)
            {
                waiting = left;
                Say($"{left} of {expected.Count} releases have not ended");
            }

            if (left <= atFirst / 2)
            {
                await calm.CancelAsync();
            }

            if ((left == 0 && releases.All(release => release.HasEnded)) || TimeProvider.System.GetElapsedTime(_began) > options.Limit)
            {
                return releases;
            }

            await Task.Delay(Pause, TimeProvider.System, cancellationToken);
        }
    }

    private void Report(World world, ITroubles troubles, TakeOvers takeOvers, IReadOnlyList<ApiRelease> releases)
    {
        Say($"faults: {string.Join(", ", troubles.Counts.OrderBy(count => count.Key, StringComparer.Ordinal).Select(count => $"{count.Value} {count.Key}"))}");
        Say($"releases: {string.Join(", ", releases.GroupBy(release => release.Status).Select(group => $"{group.Count()} {group.Key}"))}");
        var answers = world.GitLab.Deliveries.GroupBy(delivery => delivery.Status?.ToString(CultureInfo.InvariantCulture) ?? "no answer");
        Say($"hooks were answered: {string.Join(", ", answers.OrderBy(group => group.Key, StringComparer.Ordinal).Select(group => $"{group.Count()} × {group.Key}"))}, the slowest after {world.GitLab.Deliveries.Where(delivery => delivery.Status is not null).Max(delivery => delivery.Took.TotalSeconds):F2} s");
        if (takeOvers.Waits is { Count: > 0 } waits)
        {
            Say($"from a worker's death to its release running elsewhere: {waits.Count} times, median {waits[waits.Count / 2].TotalSeconds:F1} s, longest {waits[^1].TotalSeconds:F1} s");
        }
    }

    private void KeepLogs(Fleet fleet)
    {
        if (options.LogFolder is not { } folder)
        {
            return;
        }

        Directory.CreateDirectory(folder);
        foreach (var bot in fleet.All)
        {
            File.WriteAllText(Path.Combine(folder, $"{bot.Name}.log"), bot.Output);
        }
    }

    private void Say(string text) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"    {TimeProvider.System.GetElapsedTime(_began).TotalSeconds,6:F1} s  {text}"));
}
