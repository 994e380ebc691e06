using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace ReleaseBot.Notifications;

public static class NotificationServices
{
    /// <summary>Adds the <see cref="ChannelSender"/>.</summary>
    public static IServiceCollection AddNotifications(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<ChannelSender>();
        return services;
    }
}
