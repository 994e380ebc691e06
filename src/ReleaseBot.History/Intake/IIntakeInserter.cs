namespace ReleaseBot.History;

/// <summary>Writes new rows within the transaction of its connection; those that are there already, by their keys, are left as they are.</summary>
internal interface IIntakeInserter
{
    Task<IntakeWritten> InsertAsync(IntakeBatch batch, CancellationToken cancellationToken);

    /// <returns>Whether the row was written.</returns>
    Task<bool> InsertAsync(IntakeTable table, object?[] row, CancellationToken cancellationToken);
}
