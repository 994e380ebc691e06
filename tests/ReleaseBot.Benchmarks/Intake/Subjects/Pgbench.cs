using System.ComponentModel;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using Npgsql;
using ReleaseBot.Benchmarks.Intake.Load;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Intake.Subjects;

/// <summary>
/// pgbench inserting the row of one delivery, with its compressed body, and of its release where that is asked for, as the bot does: by one statement, prepared, a
/// transaction each. It is what PostgreSQL makes of it without HTTP and without a signature.
/// </summary>
/// <param name="withRelease">Else the delivery's row alone, which is half of what the bot stores.</param>
internal sealed class Pgbench(string database, bool withRelease)
{
    private const string Program = "pgbench";

    /// <summary>In the first the clients connect, and their backends, which are new, are not yet as fast as they get.</summary>
    private const int WarmUpSeconds = 2;
    private static readonly TimeSpan ExitLimit = TimeSpan.FromMinutes(5);

    /// <summary>An id that begins with the time, in milliseconds, as the bot's have it: such are inserted side by side.</summary>
    private const string IdByTime =
        "(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || right(translate(gen_random_uuid()::text, '-', ''), 20))::uuid";

    private const string InsertDeliveries =
        "INSERT INTO deliveries (id, release_id, key, received_at, event, project_id, project_path, ref, before, after, \"user\", outcome, headers, body, body_sha256, body_bytes)";

    private readonly NpgsqlConnectionStringBuilder _database = new(database);

    /// <returns>Transactions a second, once it is warm.</returns>
    public async Task<double> RunAsync(int clients, TimeSpan duration, CancellationToken cancellationToken)
    {
        var script = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(script, withRelease ? DeliveryAndRelease() : Delivery(), cancellationToken);
            return TransactionsPerSecond(await RunAsync(Arguments(script, clients, WarmUpSeconds + (int)duration.TotalSeconds), cancellationToken));
        }
        finally
        {
            File.Delete(script);
        }
    }

    private string[] Arguments(string script, int clients, int seconds) =>
    [
        "-n", "-M", "prepared", "-f", script, "-c", Text(clients), "-j", "2", "-T", Text(seconds), "-P", "1",
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

    /// <summary>It says each second what it did in it: <c>progress: 3.0 s, 13205.1 tps, lat 2.4 ms ...</c>.</summary>
    private static double TransactionsPerSecond(string output)
    {
        var seconds = output.Split('\n').Where(line => line.StartsWith("progress: ", StringComparison.Ordinal))
            .Select(line => double.Parse(line.Split(' ')[3], CultureInfo.InvariantCulture)).Skip(WarmUpSeconds).ToArray();
        return seconds.Length > 0 ? seconds.Average() : throw new InvalidOperationException($"pgbench said nothing of its progress: {output}");
    }

    private static string Delivery() => InsertDeliveries + $" VALUES ({DeliveryOf(IdByTime, "NULL")});";

    /// <summary>The ids first, since each row has the other's. A colon and a name, quoted or not, are a variable to pgbench.</summary>
    private static string DeliveryAndRelease() => string.Join(
        ' ',
        $"WITH ids AS MATERIALIZED (SELECT {IdByTime} AS delivery, {IdByTime} AS release),",
        $"d AS ({InsertDeliveries} SELECT {DeliveryOf("delivery", "release")} FROM ids)",
        "INSERT INTO releases (id, key, project_id, project_path, project_url, ref_kind, ref_name, target, trigger_kind, delivery_id, trigger_user, not_before, created_at, status, attempt, fence, tries)",
        "SELECT release, '7:' || 'refs/tags/v1.0.' || release || ':' || md5(release::text) || '00000000', 7, 'acme/shop', 'https://gitlab.example/acme/shop', 'tag', 'v1.0.' || release, md5(release::text) || '00000000', 'webhook', delivery, 'jdoe', now(), now(), 'verifying', 1, 0, 0 FROM ids;");

    /// <param name="id">As SQL has it, as <paramref name="release"/>.</param>
    private static string DeliveryOf(string id, string release)
    {
        var body = Convert.ToHexStringLower(Compress(Encoding.UTF8.GetBytes(HookRequests.BodyOf(0))));
        return $$"""
            {{id}}, {{release}}, gen_random_uuid()::text, now(), 'Tag Push Hook', 7, 'acme/shop', 'refs/tags/v1.0.000000000000', '{{new string('0', 40)}}', '{{new string('a', 40)}}', 'jdoe', 'accepted', '{{HookRequests.KeptHeaders(HookRequests.IdOf(0))}}', '\x{{body}}'::bytea, '{{new string('b', 64)}}', 2000
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
