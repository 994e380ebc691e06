using System.Net;
using System.Net.Sockets;
using ReleaseBot.Benchmarks.Intake.Subjects;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Intake;

/// <summary>All that is compared, side by side and idle except for the one that is being measured. PostgreSQL syncs each commit.</summary>
internal sealed class IntakeServers : IAsyncDisposable
{
    private readonly PostgresServer _postgres = new() { IsDurable = true };
    private readonly TcpListener _silentGitLab = new(IPAddress.Loopback, 0);
    private readonly Stack<IAsyncDisposable> _started = new();

    private IntakeServers()
    {
        _started.Push(_postgres);
        _silentGitLab.Start(backlog: 64);
    }

    public BotProgram OnSqlite { get; private set; } = null!;

    public BotProgram OnPostgres { get; private set; } = null!;

    public WebhookProgram Webhook { get; private set; } = null!;

    public WebhookProgram HastyWebhook { get; private set; } = null!;

    public PlainKestrel Kestrel { get; private set; } = null!;

    public Pgbench PgbenchOfDelivery { get; private set; } = null!;

    public Pgbench PgbenchOfBoth { get; private set; } = null!;

    public StoreAlone StoreOnSqlite { get; private set; } = null!;

    public StoreAlone StoreOnPostgres { get; private set; } = null!;

    public string Database { get; private set; } = "";

    public static async Task<IntakeServers> StartAsync(string program, CancellationToken cancellationToken)
    {
        var servers = new IntakeServers();
        try
        {
            var bots = new MeasuredBot(program, new Uri($"http://{servers._silentGitLab.LocalEndpoint}"));
            servers.Webhook = servers.Keep(await WebhookProgram.StartAsync(answersFirst: false, cancellationToken));
            servers.HastyWebhook = servers.Keep(await WebhookProgram.StartAsync(answersFirst: true, cancellationToken));
            servers.Kestrel = servers.Keep(await PlainKestrel.StartAsync(cancellationToken));
            servers.OnSqlite = servers.Keep(await bots.OnSqliteAsync(cancellationToken));
            var rabbitMq = servers.Keep(await RabbitMqServer.StartAsync(cancellationToken));
            servers.Database = await servers._postgres.CreateDatabaseAsync(cancellationToken);
            servers.OnPostgres = servers.Keep(await bots.OnPostgresAsync(servers.Database, rabbitMq.Uri, cancellationToken));
            servers.StoreOnSqlite = servers.Keep(await StoreAlone.OnSqliteAsync(cancellationToken));
            servers.StoreOnPostgres = servers.Keep(await StoreAlone.OnPostgresAsync(await servers._postgres.CreateDatabaseAsync(cancellationToken), cancellationToken));
            servers.PgbenchOfDelivery = new Pgbench(await EmptyHistoryAsync(), withRelease: false);
            servers.PgbenchOfBoth = new Pgbench(await EmptyHistoryAsync(), withRelease: true);
            return servers;

            async Task<string> EmptyHistoryAsync() => await servers._postgres.CreateDatabaseAsync(
                "bench", database => bots.MigrateAsync(database, rabbitMq.Uri, cancellationToken), cancellationToken);
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        while (_started.TryPop(out var server))
        {
            await server.DisposeAsync();
        }

        _silentGitLab.Dispose();
    }

    private T Keep<T>(T server)
        where T : IAsyncDisposable
    {
        _started.Push(server);
        return server;
    }
}
