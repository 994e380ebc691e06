using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Web;

namespace ReleaseBot.Benchmarks.History;

/// <summary>
/// The web role's endpoints over a real socket of loopback, as the program wires them, without its background loops: nothing but the requests
/// is at work.
/// </summary>
internal sealed class ApiServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ApiServer(WebApplication app, Uri address)
    {
        _app = app;
        Http = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromMinutes(2) };
    }

    public HttpClient Http { get; }

    public static async Task<ApiServer> StartAsync(StorageSettings storage, CancellationToken cancellationToken)
    {
        var settings = Settings(storage);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel().UseUrls("http://127.0.0.1:0");
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services
            .AddSingleton(TimeProvider.System).AddSingleton(settings).AddSingleton(settings.GitLab).AddSingleton(settings.GitLab.Webhook)
            .AddSingleton(settings.Access).AddSingleton(settings.Storage).AddSingleton(settings.Retention)
            .AddReleaseBotHistory().AddReleaseBotWeb();
        var app = builder.Build();
        app.UseReleaseBotWeb();
        await app.StartAsync(cancellationToken);
        return new ApiServer(app, new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()));
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
    }

    /// <summary>GitLab and the registries are never asked.</summary>
    private static ReleaseBotSettings Settings(StorageSettings storage) => new()
    {
        GitLab = new GitLabSettings { Url = new Uri("http://127.0.0.1:9"), Token = new Secret("unused") },
        Registries = new Dictionary<string, RegistrySettings>(),
        Projects = [],
        Channels = new Dictionary<string, ChannelSettings>(),
        Engine = new EngineSettings(),
        Storage = storage,
        Bus = new BusSettings(),
        Access = new AccessSettings(),
        Publishing = new PublishingSettings(),
        Retention = new RetentionSettings(),
        Reconcile = new ReconcileSettings(),
    };
}
