using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using ReleaseBot.Core;

namespace ReleaseBot.History;

public static class HistoryServices
{
    /// <summary>
    /// Connections that a process has at the most, besides the one that listens: six processes fit what PostgreSQL allows as it comes (100, less 3 for
    /// its superuser). A transaction takes milliseconds, so few do much.
    /// </summary>
    private const int PoolSize = 15;

    /// <summary>Adds the history on the configured database. Both roles use it; it is all that they share besides the bus.</summary>
    public static IServiceCollection AddReleaseBotHistory(this IServiceCollection services)
    {
        services.AddPooledDbContextFactory<HistoryContext>((provider, options) => Configure(options, provider.GetRequiredService<StorageSettings>()));
        return services
            .AddSingleton<HistoryDatabase>()
            .AddSingleton<DeliveryIntake>()
            .AddSingleton<VerificationQueue>()
            .AddSingleton<HistorySignals>()
            .AddHostedService(provider => provider.GetRequiredService<HistorySignals>())
            .AddSingleton<WorkerRegister>()
            .AddSingleton<DispatchQueue>()
            .AddSingleton<RunQueue>()
            .AddSingleton<RunLedger>()
            .AddSingleton<TagLedger>()
            .AddSingleton<TagWishes>()
            .AddSingleton<TagChangeQueue>()
            .AddSingleton<DriftLedger>()
            .AddSingleton<Handovers>()
            .AddSingleton<ReleaseLogStore>()
            .AddSingleton<OutboxStore>()
            .AddSingleton<ReleaseOperations>()
            .AddSingleton<ProjectCatalog>()
            .AddSingleton<ReconcileRounds>()
            .AddSingleton<DisabledHooks>()
            .AddSingleton<HistoryQueries>()
            .AddSingleton<QueueView>()
            .AddSingleton<TagForecast>()
            .AddSingleton<Housekeeping>();
    }

    /// <summary>With a pool of our size, unless it names one.</summary>
    private static string Pooled(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        // The driver's own builder would say of each key that it knows that it is there.
        if (!new DbConnectionStringBuilder { ConnectionString = settings.ConnectionString }.ContainsKey("Maximum Pool Size"))
        {
            settings.MaxPoolSize = Math.Max(PoolSize, settings.MinPoolSize);
        }

        return settings.ConnectionString;
    }

    public static void Configure(DbContextOptionsBuilder options, StorageSettings storage)
    {
        if (storage.Provider == StorageProvider.Sqlite)
        {
            options.UseSqlite(storage.ConnectionString.Reveal(), sqlite => sqlite.MigrationsAssembly("ReleaseBot.Migrations.Sqlite"))
                .AddInterceptors(new SqlitePragmas());
        }
        else
        {
            options.UseNpgsql(Pooled(storage.ConnectionString.Reveal()), postgres => postgres.MigrationsAssembly("ReleaseBot.Migrations.Postgres"));
        }
    }
}
