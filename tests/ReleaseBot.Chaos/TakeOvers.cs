using System.Collections.Concurrent;
using System.Data.Common;
using Npgsql;

namespace ReleaseBot.Chaos;

/// <summary>Measures how long the releases of a killed worker wait until somebody else runs them, by the history's own rows.</summary>
internal sealed class TakeOvers(string connectionString)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private readonly ConcurrentBag<TimeSpan> _waits = [];

    public IReadOnlyList<TimeSpan> Waits => [.. _waits.Order()];

    /// <summary>Called right after the kill.</summary>
    public void Watch(string owner) => _ = Task.Run(() => WatchAsync(owner));

    private async Task WatchAsync(string owner)
    {
        var died = TimeProvider.System.GetTimestamp();
        try
        {
            var held = await ReadAsync("SELECT id, fence FROM releases WHERE owner = @key AND lease_until > now() AND finished_at IS NULL", owner);
            while (held.Count > 0 && TimeProvider.System.GetElapsedTime(died) < Limit)
            {
                await Task.Delay(Pause, TimeProvider.System);
                foreach (var (id, fence) in held.ToList())
                {
                    var now = await ReadAsync("SELECT id, fence FROM releases WHERE id::text = @key", id.ToString());
                    if (now.Values.Single() > fence)
                    {
                        _waits.Add(TimeProvider.System.GetElapsedTime(died));
                        held.Remove(id);
                    }
                }
            }
        }
        catch (DbException)
        {
            // The database is struck as well, and then the wait says nothing of the workers.
        }
    }

    private async Task<Dictionary<Guid, long>> ReadAsync(string sql, string key)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddWithValue("key", key);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new Dictionary<Guid, long>();
        while (await reader.ReadAsync())
        {
            rows.Add(reader.GetGuid(0), reader.GetInt64(1));
        }

        return rows;
    }
}
