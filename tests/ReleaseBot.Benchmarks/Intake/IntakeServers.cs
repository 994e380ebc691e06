using ReleaseBot.Benchmarks.Intake.Subjects;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Intake;

/// <summary>All that is compared, side by side and idle except for the one that is being measured. PostgreSQL syncs each commit.</summary>
internal sealed class IntakeServers : IAsyncDisposable
{
    private readonly PostgresServer _postgres = new() { IsDurable = true };
    private readonly Stack<IAsyncDisposable> _started = new();

    private IntakeServers() => _started.Push(_postgres);

    public MeasuredBot OnSqlite { get; private set; } = null!;

    public MeasuredBot OnPostgres { get; private set; } = null!;

    public WebhookProgram Webhook { get; private set; } = null!;

    public PlainKestrel Kestrel { get; private set; } = null!;

    public Pgbench Pgbench { get; private set; } = null!;

    public string Database { get; private set; } = "";

    public static async Task<IntakeServers> StartAsync(string program, CancellationToken cancellationToken)
    {
        var servers = new IntakeServers();
        try
        {
            servers.Webhook = servers.Keep(await WebhookProgram.StartAsync(cancellationToken));
            servers.Kestrel = servers.Keep(await PlainKestrel.StartAsync(cancellationToken));
            servers.OnSqlite = servers.Keep(await MeasuredBot.OnSqliteAsync(program, cancellationToken));
            var rabbitMq = servers.Keep(await RabbitMqServer.StartAsync(cancellationToken));
            servers.Database = await servers._postgres.CreateDatabaseAsync(cancellationToken);
            servers.OnPostgres = servers.Keep(await MeasuredBot.OnPostgresAsync(program, servers.Database, rabbitMq.Uri, cancellationToken));
            servers.Pgbench = new Pgbench(await servers._postgres.CreateDatabaseAsync(
                "bench", database => MeasuredBot.MigrateAsync(program, database, rabbitMq.Uri, cancellationToken), cancellationToken));
            return servers;
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
    }

    private T Keep<T>(T server)
        where T : IAsyncDisposable
    {
        _started.Push(server);
        return server;
    }
}
