using System.Data.Common;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace ReleaseBot.Benchmarks.Intake.Subjects;

/// <summary>Counts what a bot has in its store, past the bot.</summary>
internal static class StoredDeliveries
{
    // A delivery without its release would be lost as well.
    private const string CountSql = "SELECT count(*) FROM deliveries d JOIN releases r ON r.id = d.release_id WHERE d.outcome = 'accepted'";

    public static Task<long> CountInSqliteAsync(string path, CancellationToken cancellationToken) =>
        CountAsync(new SqliteConnection($"Data Source={path};Mode=ReadOnly;Pooling=false"), cancellationToken);

    public static Task<long> CountInPostgresAsync(string database, CancellationToken cancellationToken) =>
        CountAsync(new NpgsqlConnection(database + ";Pooling=false"), cancellationToken);

    private static async Task<long> CountAsync(DbConnection connection, CancellationToken cancellationToken)
    {
        await using (connection)
        {
            await connection.OpenAsync(cancellationToken);
            await using var command = connection.CreateCommand();
            command.CommandText = CountSql;
            return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
        }
    }
}
