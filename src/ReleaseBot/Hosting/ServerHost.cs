using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection.Extensions;
using ReleaseBot.Bus;
using ReleaseBot.Commands;
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

        await using var app = BuildOrTell(settings, roles, configuration);
        if (app is null)
        {
            return ExitCode.Invalid;
        }

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
        catch (IOException exception) when (exception.InnerException is AddressInUseException)
        {
            // Kestrel's word for an address that is in use.
            await Console.Error.WriteLineAsync($"releasebot: cannot listen: {exception.Message} Change Urls (env: Urls).");
            return 1;
        }
        catch (Exception exception) when (IsOfListening(exception))
        {
            Refuse(settings, exception);
            return ExitCode.Invalid;
        }

        LogListening(app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ServerHost).FullName!), string.Join(", ", app.Urls));
        await app.WaitForShutdownAsync(cancellationToken);
        return 0;
    }

    /// <returns>Null where the host can't use what is configured of its own sections; what is wrong is told then.</returns>
    public static WebApplication? BuildOrTell(ReleaseBotSettings settings, Roles roles, MergedConfiguration configuration)
    {
        try
        {
            return Build(settings, roles, configuration);
        }
        catch (Exception exception) when (exception is InvalidOperationException or FormatException or ArgumentException)
        {
            Refuse(settings, exception);
            return null;
        }
    }

    /// <summary>
    /// What Kestrel throws where it can't listen as it is told to: an address that is not of this machine, https without a certificate, a certificate that can't be read.
    /// </summary>
    internal static bool IsOfListening(Exception exception) => exception.StackTrace?.Contains("Microsoft.AspNetCore.Server.Kestrel", StringComparison.Ordinal) == true;

    private static void Refuse(ReleaseBotSettings settings, Exception exception)
    {
        var why = new SecretMask(SettingsSecrets.All(settings)).Apply(exception.Message.ReplaceLineEndings(" ").TrimEnd('.'));
        Console.Error.WriteLine($"releasebot: the configuration can't be used: {why}. Look at Urls, Kestrel and Logging, which ASP.NET Core judges itself.");
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
        var hosts = builder.Configuration["AllowedHosts"]?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
        builder.Services.AddHostFiltering(options => options.AllowedHosts = hosts);
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
        if (hosts.Length > 0)
        {
            app.UseHostFiltering();
        }

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
