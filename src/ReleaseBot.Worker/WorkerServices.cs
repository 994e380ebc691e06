using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.GitLab;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

public static class WorkerServices
{
    /// <summary>Adds the worker role: the slots and all that a release needs to run. History and settings are the host's to add.</summary>
    public static IServiceCollection AddReleaseBotWorker(this IServiceCollection services, ReleaseBotSettings settings)
    {
        services.AddSingleton<WorkerIdentity>();
        services.AddSingleton<WorkerWakeUps>();
        services.AddSingleton<DockerEngine>();
        services.AddSingleton<GitSource>();
        services.AddSingleton(provider => new RegistryClients(
            settings.Registries, new TrustedRealms(settings.GitLab.Url), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton(new EngineCredentials(settings.Registries));
        services.AddSingleton<SourceFetcher>();
        services.AddSingleton<ImageSurvey>();
        services.AddSingleton<LastLook>();
        services.AddSingleton<FirstPush>();
        services.AddSingleton<ImageSpread>();
        services.AddSingleton<TagMover>();
        services.AddSingleton<TagChangeRunner>();
        services.AddHostedService<TagChangeService>();
        services.AddSingleton<DriftCheck>();
        services.AddHostedService<DriftService>();
        services.AddSingleton<SourceStage>();
        services.AddSingleton<BuildStage>();
        services.AddSingleton<PushStage>();
        services.AddSingleton<TagsStage>();
        services.AddSingleton<ReleasePipeline>();
        services.AddSingleton<RunExecutor>();
        services.AddSingleton<EngineUpkeep>();
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<EngineUpkeep>());
        services.AddSingleton<EngineRoom>();
        services.AddSingleton<WorkerPresence>();
        services.AddHostedService(provider => provider.GetRequiredService<WorkerPresence>());
        services.AddHostedService<WorkerService>();
        return services;
    }
}
