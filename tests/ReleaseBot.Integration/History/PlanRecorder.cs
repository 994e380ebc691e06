using System.Data.Common;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace ReleaseBot.Integration.History;

/// <summary>Has the database explain every SELECT, or those that begin with one of some tables, before it runs.</summary>
public sealed partial class PlanRecorder : DbCommandInterceptor
{
    private readonly List<string> _taken = [];
    private bool _isOn;
    private string[] _tables = [];

    public IReadOnlyList<string> Taken => _taken;

    public void Begin(params string[] tables)
    {
        _taken.Clear();
        (_isOn, _tables) = (true, tables);
    }

    public override async ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
    {
        if (_isOn && FirstTable().Match(command.CommandText) is { Success: true } match && (_tables.Length == 0 || _tables.Contains(match.Groups[1].Value)))
        {
            _taken.Add(await ExplainAsync(command, eventData.Context!.Database.IsSqlite(), cancellationToken));
        }

        return result;
    }

    /// <summary>The lines of a plan that read a table from end to end without an index.</summary>
    public static IEnumerable<string> WholeTables(string plan)
    {
        var lines = plan.Split('\n');
        // What a statement has gathered itself is a page and one at the most, or what one index is asked for; not a table. Nor is the virtual one that
        // a list of values is read as.
        var gathered = lines.Where(line => GatheredAs().IsMatch(line)).Select(line => GatheredAs().Replace(line, "SCAN ")).ToHashSet();
        return lines.Where(line => line.Contains("Seq Scan on", StringComparison.Ordinal)
            || line.StartsWith("SCAN ", StringComparison.Ordinal) && line != "SCAN CONSTANT ROW" && !line.Contains("USING", StringComparison.Ordinal)
                && !line.Contains(" VIRTUAL TABLE ", StringComparison.Ordinal) && !gathered.Contains(line));
    }

    /// <summary>The lines of SQLite's plan that are run anew for each row of another; none of PostgreSQL's.</summary>
    public static IEnumerable<string> LookUps(string plan) => plan.Split('\n').Where(line => line.StartsWith("SEARCH ", StringComparison.Ordinal) && line.Contains(" EXISTS ", StringComparison.Ordinal));

    [GeneratedRegex("^(CO-ROUTINE|MATERIALIZE) ")]
    private static partial Regex GatheredAs();

    [GeneratedRegex("FROM \"?([a-z_]+)")]
    private static partial Regex FirstTable();

    private static async Task<string> ExplainAsync(DbCommand command, bool isSqlite, CancellationToken cancellationToken)
    {
        var sql = command.CommandText;
        try
        {
            // Some thousand rows are read faster from end to end than by sixty look-ups; the plan that counts is the one for millions.
            // What is not allowed is dear, and PostgreSQL would compile every dear query, for longer than it then runs.
            command.CommandText = isSqlite ? "SELECT 1" : "SET enable_seqscan = off; SET jit = off";
            await command.ExecuteNonQueryAsync(cancellationToken);
            command.CommandText = (isSqlite ? "EXPLAIN QUERY PLAN " : "EXPLAIN ") + sql;
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            List<string> lines = [];
            while (await reader.ReadAsync(cancellationToken))
            {
                lines.Add(reader.GetString(isSqlite ? 3 : 0));
            }

            return string.Join('\n', lines);
        }
        finally
        {
            command.CommandText = sql;
        }
    }
}
