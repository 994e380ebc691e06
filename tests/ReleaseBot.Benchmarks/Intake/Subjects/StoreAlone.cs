using System.Text;
using Microsoft.Extensions.DependencyInjection;
using ReleaseBot.Benchmarks.Intake.Load;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Intake.Subjects;

/// <summary>
/// The bot's own intake on a database of its own, called within this process: no HTTP, no signature, no JSON, no log. What it stores in a second is the most that
/// the bot could take with this store if all of that were free. As a bot's load, its deliveries are made before the clock runs.
/// </summary>
internal sealed class StoreAlone : IAsyncDisposable
{
    private const int MostPerSecond = 24_000;
    private readonly ServiceProvider _services;
    private readonly Action _remove;
    private long _number;

    private StoreAlone(StorageSettings storage, Action remove) => (_services, _remove) = (BenchServices.Over(storage), remove);

    public static Task<StoreAlone> OnSqliteAsync(CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("rb-bench-store-");
        var path = Path.Combine(folder.FullName, "history.db");
        return StartAsync(new StorageSettings { ConnectionString = new Secret(SqliteFile.ConnectionString(path)) }, Remove, cancellationToken);

        void Remove()
        {
            SqliteFile.Close(path);
            folder.Delete(recursive: true);
        }
    }

    public static Task<StoreAlone> OnPostgresAsync(string database, CancellationToken cancellationToken) => StartAsync(
        new StorageSettings { Provider = StorageProvider.Postgres, ConnectionString = new Secret(database) }, () => { }, cancellationToken);

    /// <returns>Deliveries stored in a second, each with its release.</returns>
    /// <param name="callers">Each brings its next when its last is on disk, as a connection does.</param>
    public async Task<double> RunAsync(int callers, TimeSpan duration)
    {
        var intake = _services.GetRequiredService<DeliveryIntake>();
        NewDelivery[] load = [.. Enumerable.Range(0, (int)(MostPerSecond * duration.TotalSeconds)).Select(_ => Delivery(_number++))];
        var next = -1;
        var began = TimeProvider.System.GetTimestamp();
        var stored = await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(async () =>
        {
            var own = 0;
            for (; TimeProvider.System.GetElapsedTime(began) < duration; own++)
            {
                if ((await intake.StoreAsync(load[Interlocked.Increment(ref next)], CancellationToken.None)).Outcome != DeliveryOutcome.Accepted)
                {
                    throw new InvalidOperationException("A new delivery was not accepted.");
                }
            }

            return own;
        })));
        return stored.Sum() / TimeProvider.System.GetElapsedTime(began).TotalSeconds;
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        _remove();
    }

    private static async Task<StoreAlone> StartAsync(StorageSettings storage, Action remove, CancellationToken cancellationToken)
    {
        var store = new StoreAlone(storage, remove);
        try
        {
            await store._services.GetRequiredService<HistoryDatabase>().MigrateAsync(cancellationToken);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    private static NewDelivery Delivery(long number)
    {
        var (id, name, target) = (HookRequests.IdOf(number), HookRequests.TagOf(number), HookRequests.CommitOf(number));
        return new NewDelivery
        {
            Key = id,
            ReceivedAt = TimeProvider.System.GetUtcNow(),
            Event = "Tag Push Hook",
            ProjectId = 7,
            ProjectPath = "acme/shop",
            Ref = "refs/tags/" + name,
            Before = new string('0', 40),
            After = target,
            User = "jdoe",
            Headers = HookRequests.KeptHeaders(id),
            Body = Encoding.UTF8.GetBytes(HookRequests.BodyOf(number)),
            Release = new NewRelease
            {
                ProjectId = 7,
                ProjectPath = "acme/shop",
                ProjectUrl = "https://gitlab.example/acme/shop",
                Ref = GitRef.Tag(name),
                Target = ObjectId.Parse(target),
                Trigger = TriggerKind.Webhook,
                User = "jdoe",
            },
        };
    }
}
