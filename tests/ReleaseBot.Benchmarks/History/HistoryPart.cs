using System.Buffers.Text;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using ReleaseBot.Benchmarks.Reporting;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Benchmarks.History;

/// <summary>Whether what the API lists costs the same over a million releases, on the first page and far behind it, on both databases.</summary>
internal sealed class HistoryPart : BenchPart
{
    private const int Releases = 1_000_000;
    private const int ShortReleases = 4000;

    /// <summary>The API's own, where none is asked for.</summary>
    private const int PageSize = 50;
    private const int DeepPage = 10_000;
    private const int WarmUps = 3;

    /// <summary>Of every first page, before anything is measured.</summary>
    private const int WarmUpRounds = 40;
    private const int Requests = 100;
    private const int ShortRequests = 3;

    /// <summary>Of three filters together, of which there are many.</summary>
    private const int RequestsOfTriples = 20;

    /// <summary>For one address; a slow one is asked less often.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    /// <summary>For these rounds together; the first is always ended.</summary>
    private static readonly TimeSpan WarmUpLimit = TimeSpan.FromSeconds(40);
    private static readonly Target Limit = Target.AtMost(20);
    private static readonly Target NoGrowth = Target.AtMost(1.5);

    public override string Name => "history";

    public override string Summary => "every filter of the API over 1,000,000 releases and 5,000,000 images, first and 10,000th page, SQLite and PostgreSQL";

    public override async Task RunAsync(BenchOptions options, BenchReport report, CancellationToken cancellationToken)
    {
        var history = new SeededHistory(options.IsShort ? ShortReleases : Releases);
        foreach (var seed in new[] { SeededStore.SqliteAsync, SeededStore.PostgresAsync })
        {
            await using var store = await seed(history.WriteAsync, Say, cancellationToken);
            Say($"{store.Name}: {history.Releases:N0} releases with {history.Releases * SeededHistory.ImagesPerRelease:N0} images are there");
            await using var server = await ApiServer.StartAsync(store.Settings, cancellationToken);
            await using var context = store.OpenContext();
            var run = new Run(store.Name, context, server.Http, history, report, options.IsShort ? ShortRequests : Requests);
            await run.WarmUpAsync(Say, cancellationToken);
            await run.ReleasesAsync(Say, cancellationToken);
            await run.PairsAsync(Say, cancellationToken);
            await run.TriplesAsync(Say, cancellationToken);
            await run.DeliveriesAsync(cancellationToken);
            await run.OthersAsync(cancellationToken);
            run.Summarise();
            Say($"{store.Name}: measured");
        }
    }

    private sealed record Run(string Database, HistoryContext Context, HttpClient Http, SeededHistory History, BenchReport Report, int Count)
    {
        private const string Path = "/api/v1/releases";
        private const string Deliveries = "/api/v1/deliveries";
        private const string Alone = "no filter or one, and single things: p99";
        private const string Together = "two filters: p99";
        private const string OfThree = "three filters: median";

        /// <summary>Of each kind of address: how long each took.</summary>
        private readonly Dictionary<string, List<(string Name, double Milliseconds)>> _taken = [];

        /// <summary>Every address's first page in turns: a server that has run for a while has compiled what answers them for good, as this one has then.</summary>
        public async Task WarmUpAsync(Action<string> say, CancellationToken cancellationToken)
        {
            var all = await ReleaseConditions.AllAsync(Context, History, cancellationToken);
            string[] addresses =
            [
                $"{Path}?", .. all.Select(one => $"{Path}?{one.Query}"), .. Pairs(all).Select(pair => AddressOf(pair.One, pair.Other)),
                .. DeliveryLists().Select(list => list.Address), .. Others().Select(other => other.Address),
            ];
            var rounds = 0;
            var began = TimeProvider.System.GetTimestamp();
            while (rounds == 0 || (rounds < Math.Min(Count, WarmUpRounds) && TimeProvider.System.GetElapsedTime(began) < WarmUpLimit))
            {
                foreach (var address in addresses)
                {
                    await AskAsync(address, cancellationToken);
                }

                rounds++;
            }

            say($"{Database}: each of {addresses.Length} addresses was asked {rounds} times to warm up");
        }

        /// <summary>Each filter alone, and none.</summary>
        public async Task ReleasesAsync(Action<string> say, CancellationToken cancellationToken)
        {
            await AddAsync("no filter", $"{Path}?", Context.Releases.Select(row => row.Id), cancellationToken);
            foreach (var condition in await ReleaseConditions.AllAsync(Context, History, cancellationToken))
            {
                await AddAsync(condition.Name, $"{Path}?{condition.Query}", condition.Narrow(Context, Context.Releases).Select(row => row.Id), cancellationToken);
            }

            say($"{Database}: each filter is measured");
        }

        /// <summary>Every two filters that can stand together; of each pair the slower of its two pages.</summary>
        public async Task PairsAsync(Action<string> say, CancellationToken cancellationToken)
        {
            var all = await ReleaseConditions.AllAsync(Context, History, cancellationToken);
            foreach (var (one, other) in Pairs(all))
            {
                var address = AddressOf(one, other);
                var keys = other.Narrow(Context, one.Narrow(Context, Context.Releases)).Select(row => row.Id);
                var worst = (await MeasureAsync(address, cancellationToken)).Percentile(0.99);
                if (await DeepKeyAsync(keys, cancellationToken) is { } key)
                {
                    worst = Math.Max(worst, (await MeasureAsync(After(address, key), cancellationToken)).Percentile(0.99));
                }

                Add($"{one.Name} + {other.Name}", "p99", worst, Limit);
                Keep(Together, $"{one.Name} + {other.Name}", worst);
            }

            say($"{Database}: every two filters are measured");
        }

        /// <summary>Every three filters that can stand together; of each three the slowest of the first page, the second, and one from the middle of all on.</summary>
        public async Task TriplesAsync(Action<string> say, CancellationToken cancellationToken)
        {
            var all = await ReleaseConditions.AllAsync(Context, History, cancellationToken);
            foreach (var (one, other, third) in Pairs(all).SelectMany(pair => all.SkipWhile(next => next != pair.Other).Skip(1)
                .Where(next => next.Key != pair.One.Key && next.Key != pair.Other.Key).Select(next => (pair.One, pair.Other, next))))
            {
                var address = $"{AddressOf(one, other)}&{third.Query}";
                List<string> pages = [address, After(address, History.IdOf(History.Releases / 2))];
                if (await NextAsync(address, cancellationToken) is { } next)
                {
                    pages.Add($"{address}&cursor={next}");
                }

                var worst = 0.0;
                foreach (var page in pages)
                {
                    worst = Math.Max(worst, (await MeasureAsync(page, cancellationToken, Math.Min(Count, RequestsOfTriples))).Median);
                }

                Keep(OfThree, $"{one.Name} + {other.Name} + {third.Name}", worst);
            }

            say($"{Database}: every three filters are measured");
        }

        /// <summary>How many of each kind are within the limit, and the slowest.</summary>
        public void Summarise()
        {
            foreach (var (kind, taken) in _taken)
            {
                Report.Add("history", kind, $"{Database}, within {Limit.Value} ms", $"of {taken.Count}", taken.Count(one => Limit.IsMetBy(one.Milliseconds)));
                var (name, milliseconds) = taken.MaxBy(one => one.Milliseconds);
                Report.Add("history", kind, $"{Database}, the highest: {name}", "ms", milliseconds, Limit);
            }
        }

        public async Task DeliveriesAsync(CancellationToken cancellationToken)
        {
            foreach (var (name, address, rows) in DeliveryLists())
            {
                await AddAsync(name, address, rows.Select(row => row.Id), cancellationToken);
            }
        }

        public async Task OthersAsync(CancellationToken cancellationToken)
        {
            foreach (var (name, address) in Others())
            {
                await AddOneAsync(name, address, cancellationToken);
            }
        }

        private static IEnumerable<(ReleaseCondition One, ReleaseCondition Other)> Pairs(IReadOnlyList<ReleaseCondition> all) =>
            all.SelectMany((one, i) => all.Skip(i + 1).Where(other => other.Key != one.Key).Select(other => (one, other)));

        private static string AddressOf(ReleaseCondition one, ReleaseCondition other) => $"{Path}?{one.Query}&{other.Query}";

        private IEnumerable<(string Name, string Address, IQueryable<Delivery> Rows)> DeliveryLists()
        {
            var path = SeededHistory.PathOf(0);
            var project = $"project={Uri.EscapeDataString(path)}";
            var rows = Context.Deliveries;
            yield return ("deliveries", $"{Deliveries}?", rows);
            yield return ("deliveries by project", $"{Deliveries}?{project}", rows.Where(row => row.ProjectPath == path));
            yield return ("deliveries by outcome", $"{Deliveries}?outcome=ignored", rows.Where(row => row.Outcome == DeliveryOutcome.Ignored));
            yield return (
                "deliveries by project and outcome", $"{Deliveries}?{project}&outcome=duplicate",
                rows.Where(row => row.ProjectPath == path && row.Outcome == DeliveryOutcome.Duplicate));
        }

        private IEnumerable<(string Name, string Address)> Others()
        {
            var latest = Uri.EscapeDataString($"{SeededHistory.Registry}/{SeededHistory.PathOf(0)}:latest");
            var rare = Uri.EscapeDataString($"{SeededHistory.Registry}/{SeededHistory.PathOf(History.Projects - 1)}:latest");
            var at = Uri.EscapeDataString(History.TimeOf(History.Releases / 2).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", null));
            yield return ("image", $"/api/v1/images?reference={latest}");
            yield return ("image, rarely moved", $"/api/v1/images?reference={rare}");
            yield return ("image at a time", $"/api/v1/images?reference={latest}&at={at}");
            yield return ("queue", "/api/v1/queue");
            yield return ("one release", $"{Path}/{History.IdOf(History.Releases / 2)}");
        }

        private async Task AddOneAsync(string name, string address, CancellationToken cancellationToken)
        {
            var samples = await MeasureAsync(address, cancellationToken);
            Add(name, "p50", samples.Median);
            Add(name, "p99", samples.Percentile(0.99), Limit);
            Keep(Alone, name, samples.Percentile(0.99));
        }

        /// <summary>The first page and a deep one, and how the one compares to the other.</summary>
        private async Task AddAsync(string name, string address, IQueryable<Guid> keys, CancellationToken cancellationToken)
        {
            var first = await MeasureAsync(address, cancellationToken);
            Add($"{name}, first page", "p50", first.Median);
            Add($"{name}, first page", "p99", first.Percentile(0.99), Limit);
            Keep(Alone, $"{name}, first page", first.Percentile(0.99));
            if (await DeepKeyAsync(keys, cancellationToken) is { } key)
            {
                var deep = await MeasureAsync(After(address, key), cancellationToken);
                Add($"{name}, deep page", "p50", deep.Median);
                Add($"{name}, deep page", "p99", deep.Percentile(0.99), Limit);
                Keep(Alone, $"{name}, deep page", deep.Percentile(0.99));
                Report.AddRatio("history", $"{name}, deep over first page", Database, deep.Median, first.Median, NoGrowth);
            }
        }

        private void Add(string name, string statistic, double milliseconds, Target? target = null) =>
            Report.Add("history", name, $"{Database}, {statistic}", "ms", milliseconds, target);

        private void Keep(string kind, string name, double milliseconds)
        {
            if (!_taken.TryGetValue(kind, out var taken))
            {
                _taken.Add(kind, taken = []);
            }

            taken.Add((name, milliseconds));
        }

        /// <summary>The last key of page 9,999, or of the page before the last full one where there are fewer; null where there is but one page.</summary>
        private async Task<Guid?> DeepKeyAsync(IQueryable<Guid> keys, CancellationToken cancellationToken)
        {
            var count = await keys.CountAsync(cancellationToken);
            var before = Math.Min((DeepPage - 1) * PageSize, count - PageSize);
            return before <= 0 ? null : await keys.OrderByDescending(id => id).Skip(before - 1).FirstAsync(cancellationToken);
        }

        /// <summary>Milliseconds from the request to the end of its answer.</summary>
        /// <param name="count">How often; <see cref="Count"/> where it is not given.</param>
        private async Task<Samples> MeasureAsync(string address, CancellationToken cancellationToken, int? count = null)
        {
            for (var i = 0; i < WarmUps; i++)
            {
                await AskAsync(address, cancellationToken);
            }

            var samples = new Samples();
            var began = TimeProvider.System.GetTimestamp();
            while (samples.Count < (count ?? Count) && (samples.Count == 0 || TimeProvider.System.GetElapsedTime(began) < Patience))
            {
                var asked = TimeProvider.System.GetTimestamp();
                await AskAsync(address, cancellationToken);
                samples.Add(TimeProvider.System.GetElapsedTime(asked).TotalMilliseconds);
            }

            return samples;
        }

        /// <summary>The cursor of the second page; null where there is none.</summary>
        private async Task<string?> NextAsync(string address, CancellationToken cancellationToken)
        {
            await using var answer = await Http.GetStreamAsync(new Uri(address, UriKind.Relative), cancellationToken);
            return (await JsonNode.ParseAsync(answer, cancellationToken: cancellationToken))!["next"]?.ToString();
        }

        private async Task AskAsync(string address, CancellationToken cancellationToken)
        {
            using var answer = await Http.GetAsync(new Uri(address, UriKind.Relative), cancellationToken);
            if (!answer.IsSuccessStatusCode)
            {
                var said = await answer.Content.ReadAsStringAsync(cancellationToken);
                throw new InvalidOperationException($"{address} was answered with {answer.StatusCode}: {said}");
            }
        }

        /// <summary>As the API writes its cursors.</summary>
        private static string After(string address, Guid key) => $"{address}&cursor={Base64Url.EncodeToString(key.ToByteArray(bigEndian: true))}";
    }
}
