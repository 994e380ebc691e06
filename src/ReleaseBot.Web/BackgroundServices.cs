using Microsoft.Extensions.DependencyInjection;
using ReleaseBot.Core;

namespace ReleaseBot.Web;

/// <summary>What the web role does besides answering: verify, dispatch, reconcile, tell.</summary>
public static class BackgroundServices
{
    /// <summary>Adds them beside <see cref="ReleaseBotWeb.AddReleaseBotWeb"/>. The bus (<see cref="IWorkSignal"/>) and the notifications are the host's to register.</summary>
    public static IServiceCollection AddReleaseBotBackground(this IServiceCollection services)
    {
        services.AddSingleton<QueuedReleases>();
        services.AddSingleton<Verifier>();
        services.AddHostedService<VerificationService>();
        services.AddHostedService<DispatchService>();
        services.AddSingleton<TagBaseline>();
        services.AddSingleton<Reconciler>();
        services.AddHostedService<ReconcileService>();
        services.AddSingleton<GitLabWriteBack>();
        services.AddHostedService<NotifyService>();
        return services;
    }
}
