using System.Collections.Concurrent;
using System.Data.Common;
using System.Globalization;
using Npgsql;

namespace ReleaseBot.Chaos;

/// <summary>Measures how long the releases of a killed worker wait until somebody else runs them, by the history's own rows.</summary>
internal sealed class TakeOvers(string connectionString)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>A lease of 30 s, a look every 5 s, and until one of the others has a free slot.</summary>
    private static readonly TimeSpan Promised = TimeSpan.FromSeconds(30 + 5 + 10);

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    private readonly ConcurrentBag<TimeSpan> _waits = [];
    private readonly ConcurrentQueue<string> _late = new();
    private readonly ConcurrentDictionary<Guid, bool> _orphans = [];
    private readonly Lock _lock = new();
    private readonly HashSet<string> _hindered = new(StringComparer.Ordinal);
    private int _hindrances;

    public IReadOnlyList<TimeSpan> Waits => [.. _waits.Order()];

    /// <summary>Those that took longer than promised, though nothing else was struck that a worker needs.</summary>
    public IReadOnlyCollection<string> Late => _late;

    /// <summary>Whether a killed worker had it.</summary>
    public bool WasOrphaned(Guid release) => _orphans.ContainsKey(release);

    public void Struck(string part)
    {
        if (IsNeeded(part))
        {
            lock (_lock)
            {
                _hindered.Add(part);
                _hindrances++;
            }
        }
    }

    public void Healed(string part)
    {
        lock (_lock)
        {
            _hindered.Remove(part);
        }
    }

    /// <summary>Called right after the kill.</summary>
    /// <param name="worker">Its name in the fleet.</param>
    /// <param name="owner">Its name in the history.</param>
    public void Watch(string worker, string owner)
    {
        lock (_lock)
        {
            var isAlone = _hindered.All(part => part == worker);
            var before = _hindrances;
            _ = Task.Run(() => WatchAsync(owner, () => isAlone && before == _hindrances));
        }
    }

    /// <summary>A worker that takes a release over needs the database, an engine and its own life.</summary>
    private static bool IsNeeded(string part) =>
        part.StartsWith("worker", StringComparison.Ordinal) || part.StartsWith("engine", StringComparison.Ordinal) || part.StartsWith("postgres", StringComparison.Ordinal);

    private async Task WatchAsync(string owner, Func<bool> isUnhindered)
    {
        var died = TimeProvider.System.GetTimestamp();
        Dictionary<Guid, long>? held = null;
        while (held is not { Count: 0 } && TimeProvider.System.GetElapsedTime(died) < Limit)
        {
            try
            {
                held ??= await ReadAsync("SELECT id, fence FROM releases WHERE owner = @key AND lease_until > now() AND finished_at IS NULL", owner);
                foreach (var (id, fence) in held.ToList())
                {
                    _orphans.TryAdd(id, true);
                    var now = await ReadAsync("SELECT id, fence FROM releases WHERE id::text = @key", id.ToString());
                    if (now.Values.Single() > fence)
                    {
                        held.Remove(id);
                        Add(id, TimeProvider.System.GetElapsedTime(died), isUnhindered());
                    }
                }
            }
            catch (DbException)
            {
                // The database is struck as well.
            }

            await Task.Delay(Pause, TimeProvider.System);
        }

        foreach (var id in held?.Keys.ToList() ?? [])
        {
            _late.Enqueue($"{id} was taken over by nobody in {Limit}");
        }
    }

    private void Add(Guid release, TimeSpan wait, bool isUnhindered)
    {
        _waits.Add(wait);
        if (isUnhindered && wait > Promised)
        {
            _late.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{release} after {wait.TotalSeconds:F1} s"));
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
