using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Integration.Web;
using ReleaseBot.Parts;
using ReleaseBot.Web;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>A disk without a byte left: the store can be read and not written. It is a real one, a file system of a few megabytes.</summary>
public sealed class FullDiskTests : HistoryTest
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly DiskDatabases _databases;

    public FullDiskTests()
        : this(new DiskDatabases())
    {
    }

    private FullDiskTests(DiskDatabases databases)
        : base(databases) =>
        _databases = databases;

    private SmallDisk Disk => _databases.Disk;

    [Fact]
    public async Task The_Probe_Of_SQLite_Fails_While_The_Disk_Is_Full_And_Leaves_Nothing_Behind()
    {
        await History.Database.ProbeWriteAsync(Token);
        Disk.Fill();
        await History.Database.PingAsync(Token);

        var fault = await Should.ThrowAsync<Exception>(History.Database.ProbeWriteAsync(Token));

        StoreFault.Explain(fault).ShouldNotBeNull().ShouldStartWith("the disk of the database is full. Free space");
        Disk.Free();
        await History.Database.ProbeWriteAsync(Token);
        Directory.GetFiles(Disk.Path, "*.probe", SearchOption.AllDirectories).ShouldBeEmpty();
    }

    [Fact]
    public async Task Readiness_Is_Red_While_The_Disk_Is_Full_And_Green_Again_Afterwards()
    {
        await using var web = await WebFixture.StartAsync(folder: Path.Combine(Disk.Path, "web"));
        (await web.GetAsync("/healthz/ready")).Text.ShouldContain("\"ready\"");
        Disk.Fill();

        var red = await AnswerAsync(web, 503);

        red.Json.GetProperty("dependencies")[0].GetProperty("detail").GetString().ShouldNotBeNull().ShouldStartWith("The disk of the database is full.");
        Disk.Free();
        await AnswerAsync(web, 200);
    }

    [Fact]
    public async Task A_Loop_That_Fails_Waits_Longer_And_Longer_And_Says_Why_In_One_Line()
    {
        await AcceptAsync(7, GitRef.Tag("v1.0.0"), Object(1));
        Disk.Fill();
        Lines<VerificationService> lines = new();
        FakeTimeProvider clock = new();
        using WakeUp wakeUp = new(clock);
        // The verifier is never reached: nothing can be claimed.
        using VerificationService service = new(History.Verification, verifier: null!, wakeUp, clock, lines);
        await service.StartAsync(Token);

        for (var second = 0; second < 600; second++)
        {
            await lines.SettleAsync(Token);
            clock.Advance(TimeSpan.FromSeconds(1));
        }

        await service.StopAsync(Token);
        // Four hands that tried each second would have said 2,400; one line for each wait of up to half a minute is about 25.
        lines.Count.ShouldBeInRange(5, 60);
        lines.Said.ShouldAllBe(line => line.Contains("Verifying releases does not go on: the disk of the database is full. Free space", StringComparison.Ordinal));
        lines.Traces.ShouldBe(0);
    }

    [Fact]
    public async Task A_Probe_Tells_What_Has_Changed_And_What_Stays_From_Time_To_Time()
    {
        Lines<StoreProbe> lines = new();
        FakeTimeProvider clock = new();
        using StoreProbe probe = new(History.Database, clock, lines);
        (await probe.CheckAsync(Token)).ShouldBeNull();
        lines.Said.ShouldBeEmpty();
        Disk.Fill();

        // A balancer that asks each ten seconds, for half an hour.
        for (var probes = 0; probes < 180; probes++)
        {
            clock.Advance(TimeSpan.FromSeconds(10));
            (await probe.CheckAsync(Token)).ShouldNotBeNull();
        }

        lines.Said.Count.ShouldBe(3);
        lines.Said.ShouldAllBe(line => line.StartsWith("Not ready: the disk of the database is full.", StringComparison.Ordinal));
        Disk.Free();
        for (var probes = 0; probes < 2; probes++)
        {
            clock.Advance(TimeSpan.FromSeconds(10));
            (await probe.CheckAsync(Token)).ShouldBeNull();
        }

        lines.Said.Skip(3).ShouldBe(["Ready again: the database can be written."]);
        Disk.Fill();
        clock.Advance(TimeSpan.FromSeconds(10));
        (await probe.CheckAsync(Token)).ShouldNotBeNull();
        lines.Count.ShouldBe(5, "another time is another change");
    }

    private static async Task<Answer> AnswerAsync(WebFixture web, int status)
    {
        var start = TimeProvider.System.GetTimestamp();
        Answer answer;
        do
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Token);
            answer = await web.GetAsync("/healthz/ready");
        }
        while ((int)answer.Status != status && TimeProvider.System.GetElapsedTime(start) < Patience);

        ((int)answer.Status).ShouldBe(status, answer.Text);
        return answer;
    }

    /// <summary>SQLite on a disk of its own.</summary>
    private sealed class DiskDatabases : IDatabases
    {
        private SmallDisk? _disk;

        public SmallDisk Disk => _disk ?? throw new InvalidOperationException("The test has not begun.");

        public async Task<HistoryHost> CreateAsync(IInterceptor? interceptor, CancellationToken cancellationToken)
        {
            _disk = SmallDisk.Mount(8);
            var host = SqliteDatabases.Open(Disk.Path, new FakeTimeProvider(TimeProvider.System.GetUtcNow()), RemoveAsync, interceptor);
            await host.Database.MigrateAsync(cancellationToken);
            return host;
        }

        private Task RemoveAsync()
        {
            SqliteFile.Close(SqliteDatabases.PathIn(Disk.Path));
            Disk.Dispose();
            return Task.CompletedTask;
        }
    }

    private sealed class Lines<T> : ILogger<T>
    {
        private readonly List<string> _said = [];

        public int Traces { get; private set; }

        public int Count => Said.Count;

        public IReadOnlyList<string> Said
        {
            get
            {
                lock (_said)
                {
                    return [.. _said];
                }
            }
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull =>
            null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_said)
            {
                _said.Add(formatter(state, exception));
                Traces += exception is null ? 0 : 1;
            }
        }

        /// <summary>Lets what the clock has woken run; a claim that fails takes a fraction of a millisecond.</summary>
        public Task SettleAsync(CancellationToken cancellationToken) => Task.Delay(TimeSpan.FromMilliseconds(4), TimeProvider.System, cancellationToken);
    }
}

/// <summary>The same with PostgreSQL, on a server of its own whose whole data lies on the small disk.</summary>
public sealed class FullDiskOnPostgresTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_Probe_Of_Postgres_Fails_While_The_Disk_Is_Full()
    {
        using var disk = SmallDisk.Mount(160);
        await using PostgresServer server = new() { Folder = Path.Combine(disk.Path, "pg") };
        await using var history = await new PostgresDatabases(server).CreateAsync(null, Token);
        await history.Database.ProbeWriteAsync(Token);
        disk.Fill();
        await history.Database.PingAsync(Token);

        var fault = await Should.ThrowAsync<Exception>(history.Database.ProbeWriteAsync(Token));

        StoreFault.Explain(fault).ShouldNotBeNull().ShouldStartWith("the disk of the database is full. Free space");
        disk.Free();
        await history.Database.ProbeWriteAsync(Token);
    }
}

/// <summary>A PostgreSQL that is there and takes no writes.</summary>
public sealed class ReadOnlyStoreTests(PostgresServer server)
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_Probe_Fails_Where_The_Server_Is_Read_Only()
    {
        var connection = await server.CreateDatabaseAsync(Token);
        await using HistoryHost writer = new(
            new StorageSettings { Provider = StorageProvider.Postgres, ConnectionString = new Secret(connection) }, null, () => server.DropDatabaseAsync(connection));
        await writer.Database.MigrateAsync(Token);
        await using HistoryHost reader = new(
            new StorageSettings { Provider = StorageProvider.Postgres, ConnectionString = new Secret($"{connection};Options=-c default_transaction_read_only=on") },
            null, () => Task.CompletedTask);
        await reader.Database.PingAsync(Token);

        var fault = await Should.ThrowAsync<Exception>(reader.Database.ProbeWriteAsync(Token));

        StoreFault.Explain(fault).ShouldNotBeNull().ShouldStartWith("the database takes no writes");
    }
}
