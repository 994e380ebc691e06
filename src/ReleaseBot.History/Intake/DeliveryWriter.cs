using System.Data.Common;
using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>Writes deliveries within one transaction, by prepared commands: this is the one path whose speed decides whether GitLab's hooks are taken.</summary>
internal sealed class DeliveryWriter : IAsyncDisposable
{
    private readonly HistoryDatabase _database;
    private readonly DateTimeOffset _now;
    private readonly bool _isSqlite;
    private readonly DbCommand _insertDelivery;
    private readonly DbCommand _findDelivery;
    private readonly DbCommand _insertRelease;
    private readonly DbCommand _findRelease;
    private readonly DbCommand _judgeAgain;
    private readonly DbCommand _setOutcome;
    private readonly DbCommand _insertProject;

    private DeliveryWriter(HistoryDatabase database, HistoryContext context, DateTimeOffset now)
    {
        _database = database;
        _now = now;
        _isSqlite = database.IsSqlite;
        var connection = context.Database.GetDbConnection();
        var transaction = context.Database.CurrentTransaction!.GetDbTransaction();
        DbCommand Command(string sql)
        {
            var command = connection.CreateCommand();
            command.CommandText = sql;
            command.Transaction = transaction;
            return command;
        }

        _insertDelivery = Command(IntakeSql.InsertDelivery);
        _findDelivery = Command(IntakeSql.FindDelivery);
        _insertRelease = Command(IntakeSql.InsertRelease);
        _findRelease = Command(IntakeSql.FindRelease);
        _judgeAgain = Command(IntakeSql.JudgeAgain);
        _setOutcome = Command(IntakeSql.SetOutcome);
        _insertProject = Command(IntakeSql.InsertProject);
    }

    public static async Task<DeliveryWriter> OpenAsync(HistoryDatabase database, HistoryContext context, DateTimeOffset now, CancellationToken cancellationToken)
    {
        await context.Database.OpenConnectionAsync(cancellationToken);
        return new DeliveryWriter(database, context, now);
    }

    public async Task<StoredDelivery> StoreAsync(NewDelivery delivery, CancellationToken cancellationToken)
    {
        var id = _database.NewId(delivery.ReceivedAt);
        if (await InsertAsync(id, delivery, cancellationToken))
        {
            return delivery.Release is { } release
                ? await SettleAsync(id, await AcceptAsync(id, release, cancellationToken), cancellationToken)
                : new StoredDelivery(id, DeliveryOutcome.Ignored, delivery.Ignored, null);
        }

        return await StoreAgainAsync(delivery, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var command in new[] { _insertDelivery, _findDelivery, _insertRelease, _findRelease, _judgeAgain, _setOutcome, _insertProject })
        {
            await command.DisposeAsync();
        }
    }

    /// <summary>A delivery id that is known: a repeat, or a resend by hand, which is judged again where nothing came of the first.</summary>
    private async Task<StoredDelivery> StoreAgainAsync(NewDelivery delivery, CancellationToken cancellationToken)
    {
        var (id, outcome, reason) = await FindDeliveryAsync(delivery.Key, cancellationToken);
        if (delivery.Release is { } release)
        {
            var accepted = await AcceptAsync(id, release, cancellationToken);
            return accepted.Outcome == DeliveryOutcome.Accepted || outcome == DeliveryOutcome.Ignored
                ? await SettleAsync(id, accepted, cancellationToken)
                : new StoredDelivery(id, DeliveryOutcome.Duplicate, accepted.Reason, accepted.ReleaseId);
        }

        return new StoredDelivery(id, DeliveryOutcome.Duplicate, reason ?? delivery.Ignored, null);
    }

    private async Task<StoredDelivery> AcceptAsync(Guid deliveryId, NewRelease release, CancellationToken cancellationToken)
    {
        await InsertProjectAsync(release, cancellationToken);
        var id = _database.NewId(_now);
        if (await InsertReleaseAsync(id, deliveryId, release, cancellationToken))
        {
            return new StoredDelivery(deliveryId, DeliveryOutcome.Accepted, null, id);
        }

        Fill(_findRelease, ("key", release.Key));
        var existing = await ReadGuidAsync(_findRelease, cancellationToken);
        Fill(_judgeAgain, ("id", existing), ("now", _now));
        return await _judgeAgain.ExecuteNonQueryAsync(cancellationToken) == 1
            ? new StoredDelivery(deliveryId, DeliveryOutcome.Accepted, null, existing)
            : new StoredDelivery(deliveryId, DeliveryOutcome.Duplicate,
                new Reason(ReasonCode.AlreadyAccepted, $"This ref at this object is a release already: {existing}."), existing);
    }

    private async Task<StoredDelivery> SettleAsync(Guid deliveryId, StoredDelivery stored, CancellationToken cancellationToken)
    {
        Fill(_setOutcome, ("id", deliveryId), ("outcome", stored.Outcome.ToText()), ("code", stored.Reason?.Code.ToText()),
            ("message", stored.Reason?.Message), ("release_id", stored.ReleaseId));
        await _setOutcome.ExecuteNonQueryAsync(cancellationToken);
        return stored;
    }

    private async Task<bool> InsertAsync(Guid id, NewDelivery delivery, CancellationToken cancellationToken)
    {
        var ignored = delivery.Ignored;
        Fill(_insertDelivery,
            ("id", id), ("key", delivery.Key), ("received_at", delivery.ReceivedAt), ("event", delivery.Event),
            ("project_id", delivery.ProjectId), ("project_path", delivery.ProjectPath), ("ref", delivery.Ref), ("before", delivery.Before),
            ("after", delivery.After), ("user", delivery.User),
            ("outcome", (ignored is null ? DeliveryOutcome.Accepted : DeliveryOutcome.Ignored).ToText()),
            ("code", ignored?.Code.ToText()), ("message", ignored?.Message), ("headers", delivery.Headers),
            ("body", ignored is null ? Compression.Compress(delivery.Body.Span) : null),
            ("body_sha256", Convert.ToHexStringLower(SHA256.HashData(delivery.Body.Span))), ("body_bytes", delivery.Body.Length));
        return await _insertDelivery.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    private async Task<bool> InsertReleaseAsync(Guid id, Guid deliveryId, NewRelease release, CancellationToken cancellationToken)
    {
        Fill(_insertRelease,
            ("id", id), ("key", release.Key), ("project_id", release.ProjectId), ("project_path", release.ProjectPath),
            ("project_url", release.ProjectUrl), ("ref_kind", release.Ref.Kind.ToText()), ("ref_name", release.Ref.Name),
            ("target", release.Target.Value), ("trigger_kind", release.Trigger.ToText()), ("delivery_id", deliveryId),
            ("trigger_user", release.User), ("now", _now));
        return await _insertRelease.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    private async Task InsertProjectAsync(NewRelease release, CancellationToken cancellationToken)
    {
        Fill(_insertProject, ("id", release.ProjectId), ("path", release.ProjectPath), ("url", release.ProjectUrl), ("now", _now));
        await _insertProject.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<(Guid Id, DeliveryOutcome Outcome, Reason? Reason)> FindDeliveryAsync(string key, CancellationToken cancellationToken)
    {
        Fill(_findDelivery, ("key", key));
        await using var reader = await _findDelivery.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var code = reader.IsDBNull(2) ? null : EnumText.Parse<ReasonCode>(reader.GetString(2));
        return (reader.GetGuid(0), EnumText.Parse<DeliveryOutcome>(reader.GetString(1))!.Value,
            code is { } known ? new Reason(known, reader.GetString(3)) : null);
    }

    private static async Task<Guid> ReadGuidAsync(DbCommand command, CancellationToken cancellationToken)
    {
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return reader.GetGuid(0);
    }

    private void Fill(DbCommand command, params ReadOnlySpan<(string Name, object? Value)> values)
    {
        command.Parameters.Clear();
        foreach (var (name, value) in values)
        {
            var parameter = command.CreateParameter();
            parameter.ParameterName = name;
            parameter.Value = value switch
            {
                null => DBNull.Value,
                DateTimeOffset moment when _isSqlite => moment.UtcTicks,
                // JSON may hold it, PostgreSQL's text may not, and a hook must not fail for it.
                string text => text.Replace('\0', '\uFFFD'),
                _ => value,
            };
            if (value is null && !_isSqlite)
            {
                parameter.DbType = TypeOfNull(name);
            }

            command.Parameters.Add(parameter);
        }
    }

    /// <summary>Postgres wants the type of a null; these are the nullable columns that are not text.</summary>
    private static System.Data.DbType TypeOfNull(string name) => name switch
    {
        "project_id" => System.Data.DbType.Int64,
        "body" => System.Data.DbType.Binary,
        "release_id" => System.Data.DbType.Guid,
        _ => System.Data.DbType.String,
    };
}
