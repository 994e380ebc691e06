using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;

namespace ReleaseBot.History;

/// <summary>The releases that a worker may take in one claim, in the order in which it should try them.</summary>
internal sealed class RunCandidates
{
    /// <summary>Projects of the first look. Where none of their releases can run, the next look is at all.</summary>
    private const int FirstLook = 16;

    /// <summary>From so many ready releases on their projects are gone to one by one, whatever else waits there; of fewer they are gathered.</summary>
    private const int Many = 1000;

    /// <summary>Releases of one pass. All of them may go to others who claim at the same moment, or wait behind an older one.</summary>
    private const int MostTried = 200;

    /// <summary>Times that one claim looks at all of it: what others were about to take, and did not, is free again.</summary>
    private const int Passes = 3;

    // A project that was served longest ago goes first, so that a burst in one starves no other; of those never served, the one that waits longest. Only
    // of the projects whose turn it is the first release is looked for that may run.
    private const string Ready =
        $$"""
        WITH RECURSIVE <waiting>,
        project (id, last_started_at, last_engine, first_id) AS MATERIALIZED (
          SELECT waiting.project_id, p.last_started_at, p.last_engine,
                 CASE WHEN p.last_started_at IS NULL
                   THEN (SELECT r.id FROM releases r WHERE r.project_id = waiting.project_id AND r.{{HistoryContext.IsRunnable}} ORDER BY r.id LIMIT 1) END
            FROM waiting LEFT JOIN projects p ON p.id = waiting.project_id
           WHERE waiting.project_id IS NOT NULL),
        turn (place, project_id, last_engine) AS MATERIALIZED (
          SELECT row_number() OVER (ORDER BY project.last_started_at IS NOT NULL, project.last_started_at <later>, project.first_id, project.id) AS place,
                 project.id, project.last_engine
            FROM project ORDER BY place LIMIT {1})
        SELECT (
        SELECT r.id FROM releases r
         WHERE r.project_id = turn.project_id AND {{RunQueue.IsReady}}
        """;

    // Within a project, the order of arrival. What came after a release of its project that is still asked about is left out for a moment; and what waits
    // for a running release of its repository, else it would hide whoever stands behind it.
    private const string InOrder =
        $$"""

           AND (r.status <> 'queued' OR r.queued_at < {2}
             OR NOT EXISTS (SELECT 1 FROM releases o WHERE o.{{HistoryContext.IsVerifying}} AND o.project_id = r.project_id AND o.id < r.id))
           AND NOT EXISTS (
                 SELECT 1 FROM release_images i JOIN resource_locks l ON l.resource = 'repository:' || i.host || '/' || i.repository
                  WHERE i.release_id = r.id AND l.until >= {0} AND l.release_id <> r.id)
        """;

    // What another engine has the layers of is left to that engine for a moment, if a worker of it is free (delay scheduling: Zaharia et al.,
    // EuroSys 2010). A project's tag never waits longer for it than that.
    private const string NotReservedElsewhere =
        """

           AND (turn.last_engine IS NULL OR turn.last_engine NOT IN (<idle>) OR (r.queued_at < {3} AND r.not_before < {3}))
        """;

    // What an engine made room for is built there, while a worker of that engine lives and the room is still there.
    private const string NoRoomMadeElsewhere =
        """

           AND (r.room_engine IS NULL OR r.room_engine NOT IN (<roomy>))
        """;

    // Whose engine is full leaves what is to be built, or built again, to those that have room, or it would take one release after the other and build none.
    private const string BuiltAlready =
        """

           AND (r.digest IS NOT NULL
             OR COALESCE((SELECT b.engine FROM release_builds b WHERE b.release_id = r.id AND b.image_id = r.image_id), '') <> '')
        """;

    // What is built and in no registry yet is built again nowhere else, while a worker of the engine that has it lives. Asked for as a value:
    // PostgreSQL may read a whole table for an EXISTS that stands beside an OR.
    private const string NotBoundElsewhere =
        """

           AND (r.image_id IS NULL OR r.digest IS NOT NULL
             OR COALESCE((SELECT b.engine FROM release_builds b WHERE b.release_id = r.id AND b.image_id = r.image_id), '') NOT IN (<elsewhere>))
        """;

    private const string FirstOfEach =
        """
        <besides>
         ORDER BY r.id LIMIT 1) AS "Value"
          FROM turn ORDER BY place
        """;

    // The turn of a project whose layers are at another engine comes a little later here. What is compared stays the time of the last start, so a
    // project that waits is passed by others that waited about as long, and by each of them once.
    private const string LaterByLayers = "+ CASE WHEN project.last_engine IN (<elsewhere>) THEN {4} ELSE {5} END";

    /// <summary>By how much the turn of a project comes later at an engine that lacks its layers: about what a build takes.</summary>
    private static readonly TimeSpan LayersWorth = TimeSpan.FromMinutes(1);

    /// <summary>How long a release is left to the engine that has its layers, while that one is idle.</summary>
    private static readonly TimeSpan Reserved = TimeSpan.FromSeconds(2);

    /// <summary>A worker that has not shown itself for so long gets nothing reserved.</summary>
    private static readonly TimeSpan Alive = TimeSpan.FromSeconds(15);

    private readonly HistoryContext _context;

    /// <summary>Null where nothing is ready, or all of it is left to others.</summary>
    private readonly string? _sql;
    private readonly object[] _values;
    private readonly HashSet<Guid> _tried = [];

    private RunCandidates(HistoryContext context, string? sql, object[] values) => (_context, _sql, _values) = (context, sql, values);

    /// <summary>Repositories for which an older release waits that can't run now: whoever stands in one of these lines is left out of what comes next.</summary>
    public HashSet<string> Lines { get; } = new(StringComparer.Ordinal);

    /// <param name="engine">The worker's engine, by the id it gives itself; null where it does not answer.</param>
    /// <param name="isFull">The engine has no room for a build.</param>
    public static async Task<RunCandidates> ForAsync(
        HistoryDatabase database, HistoryContext context, string owner, string? engine, bool isFull, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var alive = now - Alive;
        var workers = await context.WorkerHeartbeats
            .Where(worker => worker.Name != owner && worker.Engine != null && worker.SeenAt >= alive && worker.PausedAt == null)
            .Select(worker => new { Engine = worker.Engine!, IsIdle = worker.Running < worker.Slots, HasRoom = worker.FullSince == null }).ToListAsync(cancellationToken);
        var others = workers.FindAll(worker => worker.Engine != engine);
        if (engine is null && others.Count > 0)
        {
            // Who has no engine leaves everything to those that have one, or it would take one release after the other and build none.
            return new RunCandidates(context, null, []);
        }

        // The second is each look's own.
        List<object> values = [now.ForSql(database), 0, (now - RunQueue.OrderKept).ForSql(database)];
        var ready = await CountAsync(database, context, now, cancellationToken);
        if (ready == 0)
        {
            return new RunCandidates(context, null, []);
        }

        var waiting = ready < Many ? Gathered(database) : WaitingProjects.Sql($"r.{HistoryContext.IsRunnable}", database.By(HistoryContext.RunnableProjectsIndex));
        if (others.Count == 0)
        {
            return new RunCandidates(context, Sql(waiting, [Ready, InOrder], ""), [.. values]);
        }

        values.AddRange([(now - Reserved).ForSql(database), LayersWorth.ForSql(database), TimeSpan.Zero.ForSql(database)]);
        var elsewhere = Holes(values, others.Select(worker => worker.Engine));
        var roomy = Holes(values, others.Where(worker => worker.HasRoom).Select(worker => worker.Engine));
        var idle = Holes(values, others.Where(worker => worker is { IsIdle: true, HasRoom: true }).Select(worker => worker.Engine));
        // Workers of one engine need not each find out by themselves.
        isFull |= workers.Exists(worker => worker.Engine == engine && !worker.HasRoom);
        string[] conditions =
        [
            Ready,
            InOrder,
            idle.Length > 0 ? NotReservedElsewhere : "",
            roomy.Length > 0 ? NoRoomMadeElsewhere : "",
            roomy.Length > 0 && isFull ? BuiltAlready : "",
            NotBoundElsewhere,
        ];
        var sql = Sql(waiting, conditions, LaterByLayers)
            .Replace("<elsewhere>", elsewhere, StringComparison.Ordinal)
            .Replace("<roomy>", roomy, StringComparison.Ordinal)
            .Replace("<idle>", idle, StringComparison.Ordinal);
        return new RunCandidates(context, sql, [.. values]);
    }

    /// <summary>The first release of each project that may run, project by project; then those behind them, where the caller took none of the first.</summary>
    public async IAsyncEnumerable<Guid> InTurnAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var pass = 0; _sql is not null && pass < Passes; pass++)
        {
            _tried.Clear();
            var projects = FirstLook;
            while (_tried.Count < MostTried)
            {
                var firsts = await LookAsync(_sql, projects, cancellationToken);
                var found = firsts.OfType<Guid>().Take(MostTried - _tried.Count).ToList();
                foreach (var id in found)
                {
                    _tried.Add(id);
                    yield return id;
                }

                if (found.Count == 0 && firsts.Count < projects)
                {
                    break;
                }

                // Those behind the ones that were found come next.
                projects = found.Count > 0 ? projects : int.MaxValue;
            }

            if (_tried.Count == 0)
            {
                yield break;
            }
        }
    }

    /// <returns>For each of so many projects the first release that may run and was not tried, or null.</returns>
    private Task<List<Guid?>> LookAsync(string sql, int projects, CancellationToken cancellationToken)
    {
        List<object> values = [.. _values];
        values[1] = projects;
        var behind = ArrivalOrder.LeavingOut(Lines, values.Count);
        values.AddRange(Lines);
        var tried = _tried.Count == 0 ? "" : $" AND r.id NOT IN ({SqlValues.Holes(values.Count, _tried)})";
        values.AddRange(_tried.Cast<object>());
        return _context.Database.SqlQueryRaw<Guid?>(sql.Replace("<besides>", behind + tried, StringComparison.Ordinal), [.. values]).ToListAsync(cancellationToken);
    }

    /// <summary>How many are ready, or <see cref="Many"/>: what was put off, which may be thousands while a registry is away, costs a look nothing.</summary>
    private static async Task<int> CountAsync(HistoryDatabase database, HistoryContext context, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var ready = $"SELECT count(*) AS \"Value\" FROM (SELECT 1 FROM releases r {database.By(HistoryContext.RunnableIndex)} WHERE {RunQueue.IsReady} LIMIT {{1}}) ready";
        return (await context.Database.SqlQueryRaw<int>(ready, now.ForSql(database), Many).ToListAsync(cancellationToken))[0];
    }

    private static string Gathered(HistoryDatabase database) =>
        $"waiting (project_id) AS (SELECT DISTINCT r.project_id FROM releases r {database.By(HistoryContext.RunnableIndex)} WHERE {RunQueue.IsReady})";

    private static string Sql(string waiting, string[] conditions, string later) => $"{string.Concat(conditions)}{FirstOfEach}"
        .Replace("<waiting>", waiting, StringComparison.Ordinal)
        .Replace("<later>", later, StringComparison.Ordinal);

    /// <summary>The places of these engines, each once, behind the other values.</summary>
    private static string Holes(List<object> values, IEnumerable<string> engines)
    {
        var distinct = engines.Distinct().ToList();
        var holes = SqlValues.Holes(values.Count, distinct);
        values.AddRange(distinct);
        return holes;
    }
}
