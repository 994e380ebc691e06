using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Web;

namespace ReleaseBot.Parts;

/// <summary>The web role's endpoints over a real socket, as the program wires them, without its background loops.</summary>
public static class ApiHost
{
    /// <summary>Not started yet.</summary>
    public static WebApplication Build(ReleaseBotSettings settings, string url)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel().UseUrls(url);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services
            .AddSingleton(TimeProvider.System).AddSingleton(settings).AddSingleton(settings.GitLab).AddSingleton(settings.GitLab.Webhook)
            .AddSingleton(settings.Access).AddSingleton(settings.Storage).AddSingleton(settings.Retention).AddSingleton(new SecretMask([]))
            .AddReleaseBotHistory().AddReleaseBotWeb();
        var app = builder.Build();
        app.UseReleaseBotWeb();
        return app;
    }

    /// <summary>Where a started one listens.</summary>
    public static Uri AddressOf(WebApplication app) => new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
}
