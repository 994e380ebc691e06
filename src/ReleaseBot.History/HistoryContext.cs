using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using ReleaseBot.Core;

namespace ReleaseBot.History;

/// <summary>The tables. One model for both databases; what differs is in the conventions below.</summary>
public sealed class HistoryContext(DbContextOptions<HistoryContext> options) : DbContext(options)
{
    /// <summary>
    /// What is not final, in SQL. A query uses the index of these rows on SQLite only if it says this word for word, whatever else it asks for.
    /// </summary>
    internal const string IsActive = "status IN ('verifying', 'queued', 'building', 'pushing')";

    /// <summary>The releases that are ready for a worker, wait for one or are in the hands of one, in SQL; to be said word for word, as <see cref="IsActive"/>.</summary>
    internal const string IsRunnable = "status IN ('queued', 'building', 'pushing')";

    /// <summary>The index of these by the time until which they were put off.</summary>
    internal const string RunnableIndex = "ix_releases_runnable";

    /// <summary>The index of these by project.</summary>
    internal const string RunnableProjectsIndex = "ix_releases_runnable_project_id_id";

    /// <summary>The releases of which GitLab has not said whether they may be published, in SQL.</summary>
    internal const string IsVerifying = "status = 'verifying'";

    /// <summary>The releases whose time has come and that nobody holds, in SQL; <c>{0}</c> is now.</summary>
    internal const string IsFree = "r.not_before <= {0} AND (r.lease_until IS NULL OR r.lease_until < {0})";

    /// <summary>The version and floating tags whose drift is looked for, in SQL; to be said word for word, as <see cref="IsActive"/>.</summary>
    internal const string IsChecked = "next_check_at IS NOT NULL";

    /// <summary>The rows of a tag's history after which it, or what is known of it, was another, in SQL; to be said word for word, as <see cref="IsActive"/>.</summary>
    internal const string IsState = "verdict NOT IN ('kept', 'refused')";

    /// <summary>The wishes that are not carried out yet, in SQL; to be said word for word, as <see cref="IsActive"/>.</summary>
    internal const string IsPending = "status = 'pending'";

    public DbSet<Delivery> Deliveries => Set<Delivery>();
    public DbSet<Release> Releases => Set<Release>();
    public DbSet<ReleaseImage> ReleaseImages => Set<ReleaseImage>();
    public DbSet<ReleaseStage> ReleaseStages => Set<ReleaseStage>();
    public DbSet<LogChunk> LogChunks => Set<LogChunk>();
    public DbSet<TagOwner> TagOwners => Set<TagOwner>();
    public DbSet<RepositoryOwner> RepositoryOwners => Set<RepositoryOwner>();
    public DbSet<TagMove> TagMoves => Set<TagMove>();
    public DbSet<TagChange> TagChanges => Set<TagChange>();
    public DbSet<TagRetraction> TagRetractions => Set<TagRetraction>();
    public DbSet<OpenPut> OpenPuts => Set<OpenPut>();
    public DbSet<Handover> Handovers => Set<Handover>();
    public DbSet<ReleaseBuild> ReleaseBuilds => Set<ReleaseBuild>();
    public DbSet<ResourceLock> ResourceLocks => Set<ResourceLock>();
    public DbSet<OutboxMessage> OutboxMessages => Set<OutboxMessage>();
    public DbSet<Project> Projects => Set<Project>();
    public DbSet<BaselineTag> BaselineTags => Set<BaselineTag>();
    public DbSet<ReconcileRound> ReconcileRounds => Set<ReconcileRound>();
    public DbSet<DisabledHook> DisabledHooks => Set<DisabledHook>();
    public DbSet<WorkerHeartbeat> WorkerHeartbeats => Set<WorkerHeartbeat>();

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        // SQLite can neither sort nor compare DateTimeOffset; UTC ticks it can.
        if (Database.IsSqlite())
        {
            configurationBuilder.Properties<DateTimeOffset>().HaveConversion<UtcTicks>();
        }

        configurationBuilder.Properties<ReleaseStatus>().HaveConversion<TextOf<ReleaseStatus>>().HaveMaxLength(20);
        configurationBuilder.Properties<ImageStatus>().HaveConversion<TextOf<ImageStatus>>().HaveMaxLength(20);
        configurationBuilder.Properties<ImageTagKind>().HaveConversion<TextOf<ImageTagKind>>().HaveMaxLength(20);
        configurationBuilder.Properties<StageName>().HaveConversion<TextOf<StageName>>().HaveMaxLength(20);
        configurationBuilder.Properties<StageStatus>().HaveConversion<TextOf<StageStatus>>().HaveMaxLength(20);
        configurationBuilder.Properties<TriggerKind>().HaveConversion<TextOf<TriggerKind>>().HaveMaxLength(20);
        configurationBuilder.Properties<DeliveryOutcome>().HaveConversion<TextOf<DeliveryOutcome>>().HaveMaxLength(20);
        configurationBuilder.Properties<RefKind>().HaveConversion<TextOf<RefKind>>().HaveMaxLength(20);
        configurationBuilder.Properties<TagVerdict>().HaveConversion<TextOf<TagVerdict>>().HaveMaxLength(20);
        configurationBuilder.Properties<TagChangeKind>().HaveConversion<TextOf<TagChangeKind>>().HaveMaxLength(20);
        configurationBuilder.Properties<TagChangeStatus>().HaveConversion<TextOf<TagChangeStatus>>().HaveMaxLength(20);
        configurationBuilder.Properties<Outcome>().HaveConversion<TextOf<Outcome>>().HaveMaxLength(20);
        configurationBuilder.Properties<ReasonCode>().HaveConversion<TextOf<ReasonCode>>().HaveMaxLength(40);
    }

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Delivery>(delivery =>
        {
            delivery.Property(row => row.Id).ValueGeneratedNever();
            delivery.HasIndex(row => row.Key).IsUnique();
            delivery.HasIndex(row => row.ReceivedAt);
            // By project too, in any case: the model knows no index on an expression, so the migrations make it.
            delivery.HasIndex(row => new { row.Outcome, row.Id });
        });
        modelBuilder.Entity<Release>(release =>
        {
            release.Property(row => row.Id).ValueGeneratedNever();
            release.Ignore(row => row.Ref).Ignore(row => row.Reason);
            release.HasIndex(row => row.Key).IsUnique();
            // By the project's path too, in any case: the model knows no index on an expression, so the migrations make it.
            release.HasIndex(row => new { row.ProjectId, row.Id });
            // The status first: from project to project among what GitLab is to be asked about.
            release.HasIndex(row => new { row.Status, row.ProjectId, row.Id });
            // The kind last: it tells tags from branches without a look at the row.
            release.HasIndex(row => new { row.RefName, row.Id, row.RefKind });
            // Not of what GitLab has not been asked about: a burst of hooks writes every index.
            release.HasIndex(row => new { row.Version, row.Id }).HasFilter("version IS NOT NULL");
            release.HasIndex(row => row.Commit).HasFilter("\"commit\" IS NOT NULL");
            release.HasIndex(row => new { row.Status, row.Id });
            // What is not final is little; these keep the claims independent of the history's size, and of what waits for its time.
            release.HasIndex(row => row.NotBefore, RunnableIndex).HasFilter(IsRunnable);
            release.HasIndex(row => new { row.ProjectId, row.Id }, RunnableProjectsIndex).HasFilter(IsRunnable);
            release.HasIndex(row => row.Id).HasFilter(IsActive).HasDatabaseName("ix_releases_active_id");
            release.HasMany(row => row.Images).WithOne().HasForeignKey(image => image.ReleaseId);
            release.HasMany(row => row.Stages).WithOne().HasForeignKey(stage => stage.ReleaseId);
        });
        modelBuilder.Entity<ReleaseImage>(image =>
        {
            image.HasKey(row => new { row.ReleaseId, row.Ordinal });
            image.Ignore(row => row.Image).Ignore(row => row.FloatingScope).Ignore(row => row.Reason);
            image.HasIndex(row => new { row.Reference, row.ReleaseId });
            image.HasIndex(row => new { row.Digest, row.ReleaseId });
            image.HasIndex(row => new { row.Host, row.Repository, row.ReleaseId });
        });
        modelBuilder.Entity<ReleaseStage>().HasKey(row => new { row.ReleaseId, row.Attempt, row.Name });
        modelBuilder.Entity<LogChunk>(chunk =>
        {
            chunk.HasKey(row => new { row.ReleaseId, row.Sequence });
            chunk.HasIndex(row => row.WrittenAt);
        });
        modelBuilder.Entity<TagOwner>(owner =>
        {
            owner.HasKey(row => new { row.Host, row.Repository, row.Tag });
            owner.HasIndex(row => row.ReleaseId);
            owner.HasIndex(row => row.NextCheckAt).HasFilter(IsChecked).HasDatabaseName("ix_tag_owners_checked");
        });
        modelBuilder.Entity<RepositoryOwner>().HasKey(row => new { row.Host, row.Repository });
        modelBuilder.Entity<TagMove>(move =>
        {
            move.Property(row => row.Id).ValueGeneratedNever();
            move.HasIndex(row => new { row.Host, row.Repository, row.Tag, row.Id });
            // What a tag pointed to at a time: kept and refused moves, which are many, changed nothing of it.
            move.HasIndex(row => new { row.Host, row.Repository, row.Tag, row.At }).HasFilter(IsState).HasDatabaseName("ix_tag_moves_states");
            // What operators and the drift check did is little beside what releases did.
            move.HasIndex(row => new { row.Host, row.Repository, row.Tag, row.ChangeId }).HasFilter("change_id IS NOT NULL").HasDatabaseName("ix_tag_moves_changes");
        });
        modelBuilder.Entity<TagChange>(change =>
        {
            change.Property(row => row.Id).ValueGeneratedNever();
            change.Ignore(row => row.Image);
            change.HasIndex(row => new { row.Host, row.Repository, row.Tag, row.Id });
            change.HasIndex(row => row.NextAt).HasFilter(IsPending).HasDatabaseName("ix_tag_changes_pending");
        });
        modelBuilder.Entity<TagRetraction>().HasKey(row => new { row.Host, row.Repository, row.Tag });
        modelBuilder.Entity<OpenPut>(put =>
        {
            put.Property(row => row.Id).ValueGeneratedNever();
            put.HasIndex(row => new { row.Host, row.Repository, row.Tag });
            put.HasIndex(row => row.OpenedAt);
        });
        modelBuilder.Entity<Handover>(handover =>
        {
            handover.Property(row => row.Id).ValueGeneratedNever();
            handover.HasIndex(row => new { row.Host, row.Repository, row.Id });
        });
        modelBuilder.Entity<ReleaseBuild>(build =>
        {
            build.HasKey(row => new { row.ReleaseId, row.ImageId });
            build.HasIndex(row => row.ImageId);
        });
        modelBuilder.Entity<ResourceLock>(held =>
        {
            held.HasKey(row => row.Resource);
            held.HasIndex(row => row.ReleaseId);
        });
        modelBuilder.Entity<OutboxMessage>(message =>
        {
            message.Property(row => row.Id).ValueGeneratedNever();
            // A drift is told besides the release's end, and there may be several.
            message.HasIndex(row => new { row.ReleaseId, row.Attempt, row.Channel, row.Outcome }).IsUnique().HasFilter("drift IS NULL");
            message.HasIndex(row => new { row.ReleaseId, row.Id });
            message.HasIndex(row => row.NextAt).HasFilter("delivered_at IS NULL AND dead_at IS NULL");
        });
        modelBuilder.Entity<Project>(project =>
        {
            project.Property(row => row.Id).ValueGeneratedNever();
            project.HasIndex(row => row.Path);
        });
        modelBuilder.Entity<BaselineTag>().HasKey(row => new { row.ProjectId, row.Name });
        modelBuilder.Entity<ReconcileRound>(round =>
        {
            round.HasKey(row => row.Number);
            round.Property(row => row.Number).ValueGeneratedNever();
        });
        modelBuilder.Entity<DisabledHook>().HasKey(row => new { row.IsGroup, row.OwnerId, row.HookId });
        modelBuilder.Entity<WorkerHeartbeat>().HasKey(row => row.Name);
        UseSnakeCase(modelBuilder);
    }

    private static void UseSnakeCase(ModelBuilder modelBuilder)
    {
        foreach (var entity in modelBuilder.Model.GetEntityTypes())
        {
            entity.SetTableName(SnakeCase(entity.GetTableName()!));
            foreach (var property in entity.GetProperties())
            {
                property.SetColumnName(SnakeCase(property.Name));
            }

            foreach (var index in entity.GetIndexes())
            {
                index.SetDatabaseName(SnakeCase(index.GetDatabaseName()!));
            }

            foreach (var key in entity.GetKeys())
            {
                key.SetName(SnakeCase(key.GetName()!));
            }

            foreach (var foreignKey in entity.GetForeignKeys())
            {
                foreignKey.SetConstraintName(SnakeCase(foreignKey.GetConstraintName()!));
            }
        }
    }

    private static string SnakeCase(string name)
    {
        var text = new StringBuilder();
        for (var i = 0; i < name.Length; i++)
        {
            if (char.IsUpper(name[i]) && i > 0 && name[i - 1] != '_' && (char.IsLower(name[i - 1]) || char.IsDigit(name[i - 1])))
            {
                text.Append('_');
            }

            text.Append(char.ToLowerInvariant(name[i]));
        }

        return text.ToString();
    }

    private static T Read<T>(string text)
        where T : struct, Enum =>
        EnumText.Parse<T>(text) ?? throw new InvalidDataException($"The history holds \"{text}\", which this version does not know as a {typeof(T).Name}.");

    private sealed class UtcTicks() : ValueConverter<DateTimeOffset, long>(
        time => time.UtcTicks, ticks => new DateTimeOffset(ticks, TimeSpan.Zero));

    private sealed class TextOf<T>() : ValueConverter<T, string>(value => value.ToText(), text => Read<T>(text))
        where T : struct, Enum;
}
