using Microsoft.Extensions.DependencyInjection.Extensions;
using ReleaseBot.Bus;
using ReleaseBot.Configuration;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.GitLab;
using ReleaseBot.History;
using ReleaseBot.Notifications;
using ReleaseBot.Web;
using ReleaseBot.Worker;

namespace ReleaseBot.Hosting;

/// <summary>The roles that a process has, from start to drain.</summary>
internal static partial class ServerHost
{
    /// <summary>The drain of the worker, and a few seconds for what is handed back.</summary>
    private static readonly TimeSpan ShutdownLimit = TimeSpan.FromSeconds(25);

    /// <summary>Runs until SIGTERM or SIGINT. Returns the exit code: 0 after a clean drain, 1 where it could not start.</summary>
    public static async Task<int> RunAsync(ReleaseBotSettings settings, Roles roles, MergedConfiguration configuration, CancellationToken cancellationToken)
    {
        using var alone = SoleOwner.TryTake(settings.Storage, out var complaint);
        if (complaint is not null)
        {
            await Console.Error.WriteLineAsync($"releasebot: {complaint}");
            return 1;
        }

        await using var app = Build(settings, roles, configuration);
        try
        {
            await StoreStart.PrepareAsync(app.Services, settings.Storage, cancellationToken);
            await app.StartAsync(cancellationToken);
        }
        catch (StartException exception)
        {
            await Console.Error.WriteLineAsync($"releasebot: {exception.Message}");
            return 1;
        }
        catch (IOException exception)
        {
            // Kestrel's word for an address that is in use.
            await Console.Error.WriteLineAsync($"releasebot: cannot listen: {exception.Message} Change Urls (env: Urls).");
            return 1;
        }

        LogListening(app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ServerHost).FullName!), string.Join(", ", app.Urls));
        await app.WaitForShutdownAsync(cancellationToken);
        return 0;
    }

    public static WebApplication Build(ReleaseBotSettings settings, Roles roles, MergedConfiguration configuration)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "ReleaseBot" });
        builder.Configuration.AddConfiguration(configuration.ForHost());
        builder.Logging.AddReleaseBotConsole(builder.Configuration, SettingsSecrets.All(settings));
        builder.WebHost.UseKestrel(options => options.Configure(builder.Configuration.GetSection("Kestrel")));
        builder.Services.Configure<HostOptions>(options =>
        {
            options.ShutdownTimeout = ShutdownLimit;
            options.ServicesStopConcurrently = true;
        });
        AddSettings(builder.Services, settings);
        builder.Services.AddReleaseBotHistory();
        builder.Services.TryAddSingleton<GitLabClient>();
        builder.Services.AddReleaseBotBus(settings.Bus, roles);
        if (roles.HasFlag(Roles.Worker))
        {
            builder.Services.AddReleaseBotWorker(settings);
            // The web role of the same process takes hooks without an engine as well.
            builder.Services.AddSingleton<IReadinessProbe>(provider => new EngineProbe(provider.GetRequiredService<DockerEngine>(), isEssential: roles == Roles.Worker));
        }

        if (roles.HasFlag(Roles.Web))
        {
            builder.Services.AddNotifications();
            builder.Services.AddReleaseBotWeb().AddReleaseBotBackground();
        }

        if (roles == Roles.Worker)
        {
            builder.Services.AddReleaseBotHealth();
        }

        if (roles == Roles.All)
        {
            builder.Services.AddSingleton<IRegistryReader, RegistryReader>();
        }

        var app = builder.Build();
        return roles switch
        {
            Roles.None => app,
            Roles.Worker => app.UseReleaseBotHealth(),
            _ => app.UseReleaseBotWeb(),
        };
    }

    private static void AddSettings(IServiceCollection services, ReleaseBotSettings settings) =>
        services.AddSingleton(TimeProvider.System)
            .AddSingleton(settings)
            .AddSingleton(settings.GitLab)
            .AddSingleton(settings.GitLab.Webhook)
            .AddSingleton(settings.Projects)
            .AddSingleton(settings.Engine)
            .AddSingleton(settings.Storage)
            .AddSingleton(settings.Access)
            .AddSingleton(settings.Publishing)
            .AddSingleton(settings.Retention)
            .AddSingleton(settings.Reconcile)
            .AddSingleton(new SecretMask(SettingsSecrets.All(settings)));

    [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "Listening on {Addresses}.")]
    private static partial void LogListening(ILogger logger, string addresses);
}
