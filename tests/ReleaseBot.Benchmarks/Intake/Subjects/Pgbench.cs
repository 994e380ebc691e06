using System.ComponentModel;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Npgsql;
using ReleaseBot.Benchmarks.Intake.Load;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Intake.Subjects;

/// <summary>
/// pgbench inserting the row of one delivery, with its compressed body, a transaction each and prepared: what PostgreSQL makes of it without
/// HTTP, without a signature, and without the release that the bot stores besides.
/// </summary>
internal sealed class Pgbench(string database)
{
    private const string Program = "pgbench";

    /// <summary>Of all clients together: some seconds' work.</summary>
    private const int Transactions = 64 * 1024;

    /// <summary>A client's backend is new, and as fast as it gets after a hundred or so: a fifth of its work at the most.</summary>
    private const int LeastOfEach = 512;
    private static readonly TimeSpan ExitLimit = TimeSpan.FromMinutes(5);

    /// <summary>An id that begins with the time, in milliseconds, as the bot's have it: such are inserted side by side.</summary>
    private const string IdByTime =
        "(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || right(translate(gen_random_uuid()::text, '-', ''), 20))::uuid";

    private readonly NpgsqlConnectionStringBuilder _database = new(database);

    /// <returns>Transactions a second, without the time in which the clients connected.</returns>
    public async Task<double> RunAsync(int clients, CancellationToken cancellationToken)
    {
        var script = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(script, Script(), cancellationToken);
            return TransactionsPerSecond(await RunAsync(Arguments(script, clients), cancellationToken));
        }
        finally
        {
            File.Delete(script);
        }
    }

    // By their number, not by time: its clock runs while it connects, for which 256 clients take as long as for the work itself.
    private string[] Arguments(string script, int clients) =>
    [
        "-n", "-M", "prepared", "-f", script, "-c", Text(clients), "-j", "2", "-t", Text(Math.Max(LeastOfEach, Transactions / clients)),
        "-h", _database.Host!, "-p", Text(_database.Port), "-U", _database.Username!, _database.Database!,
    ];

    private static async Task<string> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        try
        {
            var (exitCode, output) = await ServerProcess.RunAsync(
                Program, arguments, new Dictionary<string, string>(), Path.GetTempPath(), ExitLimit, cancellationToken);
            return exitCode == 0 ? output : throw new InvalidOperationException($"pgbench ended with {exitCode}: {output}");
        }
        catch (Win32Exception exception)
        {
            throw new InvalidOperationException("There is no pgbench. Install it with: apt-get install --no-install-recommends postgresql-client", exception);
        }
    }

    private static double TransactionsPerSecond(string output) =>
        double.Parse(output.Split('\n').Single(line => line.StartsWith("tps = ", StringComparison.Ordinal)).Split(' ')[2], CultureInfo.InvariantCulture);

    private static string Script()
    {
        var body = Convert.ToHexStringLower(Compress(Encoding.UTF8.GetBytes(HookRequests.BodyOf(0))));
        return
            $$"""
            INSERT INTO deliveries (id, key, received_at, event, project_id, project_path, ref, before, after, "user", outcome, headers, body, body_sha256, body_bytes) VALUES ({{IdByTime}}, gen_random_uuid()::text, now(), 'Tag Push Hook', 7, 'acme/shop', 'refs/tags/v1.0.000000000000', '{{new string('0', 40)}}', '{{new string('a', 40)}}', 'jdoe', 'accepted', '{{HookRequests.KeptHeaders(HookRequests.IdOf(0))}}', '\x{{body}}'::bytea, '{{new string('b', 64)}}', 2000);
            """;
    }

    private static byte[] Compress(byte[] content)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest))
        {
            gzip.Write(content);
        }

        return buffer.ToArray();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
