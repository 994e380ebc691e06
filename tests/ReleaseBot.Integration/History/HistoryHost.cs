using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Core;
using ReleaseBot.History;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>The history's services on a database of a test's own, wired as the program wires them.</summary>
public sealed class HistoryHost : IAsyncDisposable
{
    /// <summary>What must not get into a row.</summary>
    public const string MaskedSecret = "secret-of-the-history";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ServiceProvider _services;
    private readonly FakeTimeProvider? _clock;
    private readonly Func<Task> _remove;

    /// <param name="clock">The clock that leases follow; null where they follow the database's.</param>
    /// <param name="remove">Removes the database.</param>
    public HistoryHost(StorageSettings storage, FakeTimeProvider? clock, Func<Task> remove, IInterceptor? interceptor = null)
    {
        (Storage, _clock, _remove) = (storage, clock, remove);
        var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton<TimeProvider>(clock ?? TimeProvider.System)
            .AddSingleton(storage)
            .AddSingleton(new RetentionSettings())
            .AddSingleton(new SecretMask([new Secret(MaskedSecret)]))
            .AddReleaseBotHistory();
        if (interceptor is not null)
        {
            services.ConfigureDbContext<HistoryContext>(options => options.AddInterceptors(interceptor));
        }

        _services = services.BuildServiceProvider();
    }

    public StorageSettings Storage { get; }

    /// <summary>A lease that no test outlives by chance, and that <see cref="UntilAsync"/> need not wait long for.</summary>
    public TimeSpan Lease => TimeSpan.FromSeconds(30);

    /// <summary>A lease that <see cref="UntilAsync"/> sees end soon.</summary>
    public TimeSpan ShortLease => _clock is null ? TimeSpan.FromSeconds(1) : TimeSpan.FromSeconds(30);

    public TimeProvider Time => _clock ?? TimeProvider.System;

    public HistoryDatabase Database => Get<HistoryDatabase>();
    public DeliveryIntake Intake => Get<DeliveryIntake>();
    public VerificationQueue Verification => Get<VerificationQueue>();
    public RunQueue Runs => Get<RunQueue>();
    public RunLedger Ledger => Get<RunLedger>();
    public TagLedger Tags => Get<TagLedger>();
    public TagWishes Wishes => Get<TagWishes>();
    public TagChangeQueue Changes => Get<TagChangeQueue>();
    public DriftLedger Drift => Get<DriftLedger>();
    public Handovers Handovers => Get<Handovers>();
    public ReleaseLogStore Logs => Get<ReleaseLogStore>();
    public OutboxStore Outbox => Get<OutboxStore>();
    public ReleaseOperations Operations => Get<ReleaseOperations>();
    public ProjectCatalog Projects => Get<ProjectCatalog>();
    public ReconcileRounds Rounds => Get<ReconcileRounds>();
    public DisabledHooks DisabledHooks => Get<DisabledHooks>();
    public HistoryQueries Queries => Get<HistoryQueries>();
    public QueueView Queue => Get<QueueView>();
    public Housekeeping Housekeeping => Get<Housekeeping>();
    public HistorySignals Signals => Get<HistorySignals>();
    public DispatchQueue Dispatch => Get<DispatchQueue>();
    public WorkerRegister Workers => Get<WorkerRegister>();

    /// <summary>So that what comes next comes later, also by a clock that tests move.</summary>
    public void Tick() => _clock?.Advance(TimeSpan.FromMilliseconds(1));

    /// <summary>Asks again and again, while the clock that counts goes on, until there is an answer.</summary>
    public async Task<T> UntilAsync<T>(Func<Task<T?>> ask)
        where T : class
    {
        var token = TestContext.Current.CancellationToken;
        var start = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(start) < Patience)
        {
            if (await ask() is { } answer)
            {
                return answer;
            }

            _clock?.Advance(TimeSpan.FromSeconds(10));
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, token);
        }

        throw new TimeoutException($"Nothing came within {Patience.TotalSeconds:F0} s.");
    }

    /// <summary>The whole of a table, untracked.</summary>
    public Task<List<T>> RowsAsync<T>()
        where T : class =>
        Database.ReadAsync((context, token) => context.Set<T>().AsNoTracking().ToListAsync(token), TestContext.Current.CancellationToken);

    /// <summary>A second process on the same database: nothing of it is shared but the rows.</summary>
    public HistoryHost Neighbour(IInterceptor? interceptor = null) => new(Storage, _clock, () => Task.CompletedTask, interceptor);

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await _remove();
    }

    private T Get<T>()
        where T : notnull =>
        _services.GetRequiredService<T>();
}
