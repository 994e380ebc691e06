using System.Collections.Concurrent;
using System.Diagnostics;
using Npgsql;

namespace ReleaseBot.Parts;

/// <summary>
/// A real PostgreSQL in a temporary folder of its own, on a free port of loopback. It starts when the first test asks for a database and is
/// removed at the end.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string Cure = "Install it with: apt-get install --no-install-recommends postgresql";
    private static readonly TimeSpan CommandLimit = TimeSpan.FromSeconds(90);

    private readonly SemaphoreSlim _starting = new(1);
    private readonly ConcurrentDictionary<string, Lazy<Task>> _templates = new(StringComparer.Ordinal);
    private string? _binaries;
    private int _port;
    private int _databases;
    private bool _isStopped;

    /// <summary>The folder of its own, which is removed with it.</summary>
    public string Folder { get; init; } = Path.Combine(Path.GetTempPath(), "rb-pg-" + Guid.CreateVersion7(TimeProvider.System.GetUtcNow()).ToString("N")[20..]);

    /// <summary>Whether a commit waits until it is on disk, as an operator's server has it. Tests need not wait for that; what is measured has to.</summary>
    public bool IsDurable { get; init; }

    private string DataFolder => Path.Combine(Folder, "data");

    /// <summary>Makes an empty database; returns its connection string.</summary>
    public Task<string> CreateDatabaseAsync(CancellationToken cancellationToken) => CreateAsync("template0", cancellationToken);

    /// <summary>Makes a database as a copy of a template, which <paramref name="fill"/> makes once for all tests.</summary>
    public async Task<string> CreateDatabaseAsync(string template, Func<string, Task> fill, CancellationToken cancellationToken)
    {
        await StartAsync(cancellationToken);
        await _templates.GetOrAdd(template, name => new Lazy<Task>(async () =>
        {
            await ExecuteAsync($"CREATE DATABASE {name}", CancellationToken.None);
            await fill(ConnectionString(name) + ";Pooling=false");
        })).Value;
        return await CreateAsync(template, cancellationToken);
    }

    /// <summary>Closes what a test left open and drops its database.</summary>
    public async Task DropDatabaseAsync(string connectionString)
    {
        await using (var connection = new NpgsqlConnection(connectionString))
        {
            NpgsqlConnection.ClearPool(connection);
        }

        await ExecuteAsync($"DROP DATABASE {new NpgsqlConnectionStringBuilder(connectionString).Database} WITH (FORCE)", CancellationToken.None);
    }

    /// <summary>Ends it at once, as a crash of its process would. What was committed stays.</summary>
    public Task StopAsync()
    {
        _isStopped = true;
        return RunAsync("pg_ctl", ["-D", DataFolder, "-m", "immediate", "-w", "stop"], CancellationToken.None);
    }

    /// <summary>Starts it again after <see cref="StopAsync"/>, on its old port.</summary>
    public async Task ResumeAsync(CancellationToken cancellationToken)
    {
        await StartServerAsync(cancellationToken);
        _isStopped = false;
    }

    /// <summary>Cuts every connection to one database; other tests have theirs on the same server.</summary>
    public Task CutConnectionsAsync(string connectionString, CancellationToken cancellationToken) => ExecuteAsync(
        $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{new NpgsqlConnectionStringBuilder(connectionString).Database}'", cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_binaries is not null && !_isStopped)
        {
            NpgsqlConnection.ClearAllPools();
            await StopAsync();
        }

        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }

        _starting.Dispose();
    }

    private async Task<string> CreateAsync(string template, CancellationToken cancellationToken)
    {
        await StartAsync(cancellationToken);
        var name = $"test_{Interlocked.Increment(ref _databases)}";
        await ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {template}", cancellationToken);
        return ConnectionString(name);
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        await _starting.WaitAsync(cancellationToken);
        try
        {
            if (_binaries is null)
            {
                _binaries = FindBinaries();
                await MakeServerAsync(cancellationToken);
                await StartServerAsync(cancellationToken);
            }
        }
        finally
        {
            _starting.Release();
        }
    }

    private async Task MakeServerAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Folder);
        if (Environment.UserName == "root")
        {
            await RunProgramAsync("chown", ["postgres", Folder], cancellationToken);
        }

        _port = Ports.Free();
        await RunAsync("initdb", ["-D", DataFolder, "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "-U", "postgres", "--no-sync"], cancellationToken);
    }

    private Task StartServerAsync(CancellationToken cancellationToken)
    {
        // Only the tests' own data is at stake, and only from the machine's own end, so nothing need be synced.
        var durability = IsDurable ? "-c fsync=on -c synchronous_commit=on" : "-c fsync=off";
        var options = $"-p {_port} -k {Folder} -c listen_addresses=127.0.0.1 {durability} -c max_connections=400 -c shared_buffers=64MB";
        return RunAsync("pg_ctl", ["-D", DataFolder, "-l", Path.Combine(Folder, "log"), "-w", "-t", "60", "-o", options, "start"], cancellationToken);
    }

    private string ConnectionString(string database) =>
        $"Host=127.0.0.1;Port={_port};Username=postgres;Database={database};Maximum Pool Size=60;Timeout=30";

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        // Unpooled: the server may have been restarted since the last one.
        await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static string FindBinaries()
    {
        const string Root = "/usr/lib/postgresql";
        var newest = Directory.Exists(Root)
            ? Directory.GetDirectories(Root).Where(folder => File.Exists(Path.Combine(folder, "bin/initdb"))).MaxBy(folder => int.Parse(Path.GetFileName(folder), null))
            : null;
        return newest is null ? throw new InvalidOperationException($"These tests need a PostgreSQL server, and there is none below {Root}. {Cure}") : Path.Combine(newest, "bin");
    }

    /// <summary>A program of PostgreSQL, as its own user where we are root, since it refuses to run as root.</summary>
    private Task RunAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        var path = Path.Combine(_binaries!, program);
        return Environment.UserName == "root"
            ? RunProgramAsync("runuser", ["-u", "postgres", "--", path, .. arguments], cancellationToken)
            : RunProgramAsync(path, arguments, cancellationToken);
    }

    private async Task RunProgramAsync(string program, string[] arguments, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(CommandLimit, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Folder };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        // Not to its end: the server that pg_ctl leaves behind keeps the pipe open.
        await process.WaitForExitAsync(either.Token);
        if (process.ExitCode != 0)
        {
            var log = Path.Combine(Folder, "log");
            var said = await process.StandardError.ReadToEndAsync(either.Token) + (File.Exists(log) ? await File.ReadAllTextAsync(log, either.Token) : "");
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {said}");
        }
    }
}
