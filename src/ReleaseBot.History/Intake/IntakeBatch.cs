namespace ReleaseBot.History;

/// <summary>
/// Rows of all three tables, each with the values of its table's columns and in the order of its key. A release is written only where the row of its delivery was:
/// of a delivery that is known nothing more is.
/// </summary>
internal sealed record IntakeBatch(IReadOnlyList<object?[]> Deliveries, IReadOnlyList<object?[]> Projects, IReadOnlyList<object?[]> Releases);

/// <summary>For each row of a batch, in its order, whether it was written; of rows with the same key the first is, if none was there.</summary>
internal sealed record IntakeWritten(IReadOnlyList<bool> Deliveries, IReadOnlyList<bool> Releases);
