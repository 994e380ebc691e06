using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using ReleaseBot.Core;

namespace ReleaseBot.History;

public static class HistoryServices
{
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

    public static void Configure(DbContextOptionsBuilder options, StorageSettings storage)
    {
        if (storage.Provider == StorageProvider.Sqlite)
        {
            options.UseSqlite(storage.ConnectionString.Reveal(), sqlite => sqlite.MigrationsAssembly("ReleaseBot.Migrations.Sqlite"))
                .AddInterceptors(new SqlitePragmas());
        }
        else
        {
            options.UseNpgsql(storage.ConnectionString.Reveal(), postgres => postgres.MigrationsAssembly("ReleaseBot.Migrations.Postgres"));
        }
    }
}
