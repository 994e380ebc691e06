using Microsoft.AspNetCore.Builder;
using ReleaseBot.Core;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.History;

/// <summary>The web role's endpoints, with nothing but the requests at work.</summary>
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
        var app = ApiHost.Build(Settings(storage), "http://127.0.0.1:0");
        await app.StartAsync(cancellationToken);
        return new ApiServer(app, ApiHost.AddressOf(app));
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
