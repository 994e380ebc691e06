using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using ReleaseBot.History;

namespace ReleaseBot.Integration.History;

/// <summary>Stops a worker before each of its transactions and reads, and tells which moves of tags it has committed.</summary>
internal sealed class GameStoreGate(GameGate gate) : IDbConnectionInterceptor, IDbTransactionInterceptor, ISaveChangesInterceptor
{
    private readonly List<TagMove> _written = [];

    public Action<TagMove> Recorded { get; set; } = _ => { };

    public async ValueTask<InterceptionResult> ConnectionOpeningAsync(
        DbConnection connection, ConnectionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync("the store");
        return result;
    }

    public ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        lock (_written)
        {
            _written.AddRange(eventData.Context!.ChangeTracker.Entries<TagMove>().Where(entry => entry.State == EntityState.Added).Select(entry => entry.Entity));
        }

        return ValueTask.FromResult(result);
    }

    public Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        foreach (var move in Take())
        {
            Recorded(move);
        }

        return Task.CompletedTask;
    }

    public Task TransactionFailedAsync(DbTransaction transaction, TransactionErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        Take();
        return Task.CompletedTask;
    }

    private List<TagMove> Take()
    {
        lock (_written)
        {
            List<TagMove> all = [.. _written];
            _written.Clear();
            return all;
        }
    }
}
