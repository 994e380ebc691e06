using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Xunit;

namespace ReleaseBot.Integration.Web;

/// <summary>The web role over a real socket, on a SQLite file of its own where no other database is given.</summary>
internal sealed class WebFixture : IAsyncDisposable
{
    public const string HookSecret = "hook-secret-of-the-tests";
    public const string SigningToken = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";
    public const string ReadSecret = "read-secret-of-the-tests";
    public const string OperateSecret = "operate-secret-of-the-tests";
    public const string GitLabSecret = "glpat-secret-of-the-tests";
    public const string NpmSecret = "npm-secret-of-the-tests";
    public const int MaxBodyBytes = 64 * 1024;

    private readonly WebApplication _app;
    private readonly DirectoryInfo _directory;

    private WebFixture(WebApplication app, DirectoryInfo directory, Uri address)
    {
        (_app, _directory, Address) = (app, directory, address);
        Http = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(30) };
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", OperateSecret);
    }

    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Both scopes.</summary>
    public static AccessSettings Tokens { get; } = new()
    {
        Tokens =
        [
            new AccessToken("reader", new Secret(ReadSecret), new HashSet<AccessScope> { AccessScope.Read }),
            new AccessToken("ci", new Secret(OperateSecret), new HashSet<AccessScope> { AccessScope.Operate }),
        ],
    };

    public Uri Address { get; }

    /// <summary>May do everything.</summary>
    public HttpClient Http { get; }

    public string DatabasePath => System.IO.Path.Combine(_directory.FullName, "history.db");

    public T Get<T>()
        where T : notnull =>
        _app.Services.GetRequiredService<T>();

    /// <summary>One that the fixture does not run by itself.</summary>
    /// <param name="parts">What it needs and the fixture has not.</param>
    public T Create<T>(params object[] parts)
        where T : notnull =>
        ActivatorUtilities.CreateInstance<T>(_app.Services, parts);

    /// <param name="folder">Where the database is to lie; null for a temporary folder of its own.</param>
    /// <param name="storage">Another database than a SQLite in that folder.</param>
    /// <param name="rules">Others than the usual.</param>
    public static async Task<WebFixture> StartAsync(
        AccessSettings? access = null, GitLabSettings? gitLab = null, string url = "http://127.0.0.1:0", string? folder = null, StorageSettings? storage = null,
        IReadOnlyList<ProjectRule>? rules = null)
    {
        var directory = folder is null ? Directory.CreateTempSubdirectory("releasebot-web-") : Directory.CreateDirectory(folder);
        var settings = Settings(access ?? Tokens, gitLab, System.IO.Path.Combine(directory.FullName, "history.db"));
        var app = ApiHost.Build(settings with { Storage = storage ?? settings.Storage, Projects = rules ?? settings.Projects }, url);
        await app.Services.GetRequiredService<HistoryDatabase>().MigrateAsync(Cancellation);
        await app.StartAsync(Cancellation);
        return new WebFixture(app, directory, new UriBuilder(ApiHost.AddressOf(app)) { Host = "127.0.0.1" }.Uri);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
        SqliteFile.Close(DatabasePath);
        _directory.Delete(recursive: true);
    }

    /// <summary>Sends a delivery with the configured secret.</summary>
    public Task<Answer> HookAsync(string body, string? id = null, string @event = "Tag Push Hook") =>
        SendAsync(HookRequest(new StringContent(body, Encoding.UTF8, "application/json"), id, @event));

    public static HttpRequestMessage HookRequest(HttpContent content, string? id = null, string @event = "Tag Push Hook", string? secret = HookSecret)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/webhooks/gitlab") { Content = content };
        request.Headers.Add("X-Gitlab-Event", @event);
        if (id is not null)
        {
            request.Headers.Add("Idempotency-Key", id);
        }

        if (secret is not null)
        {
            request.Headers.Add("X-Gitlab-Token", secret);
        }

        return request;
    }

    public Task<Answer> GetAsync(string path) => SendAsync(new HttpRequestMessage(HttpMethod.Get, path));

    public Task<Answer> PostAsync(string path, string? json = null) => SendAsync(new HttpRequestMessage(HttpMethod.Post, path)
    {
        Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"),
    });

    public async Task<Answer> SendAsync(HttpRequestMessage request)
    {
        using (request)
        using (var response = await Http.SendAsync(request, Cancellation))
        {
            return new Answer(
                response.StatusCode, response.Content.Headers.ContentType?.MediaType, await response.Content.ReadAsStringAsync(Cancellation),
                response.Headers.Concat(response.Content.Headers).ToDictionary(pair => pair.Key, pair => string.Join(", ", pair.Value), StringComparer.OrdinalIgnoreCase));
        }
    }

    /// <summary>Runs SQL on a connection of its own.</summary>
    public async Task<long> SqlAsync(string sql)
    {
        await using var connection = new SqliteConnection($"Data Source={DatabasePath};Pooling=False");
        await connection.OpenAsync(Cancellation);
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync(Cancellation) is long number ? number : 0;
    }

    private static ReleaseBotSettings Settings(AccessSettings access, GitLabSettings? gitLab, string database) => new()
    {
        GitLab = (gitLab ?? new GitLabSettings { Url = new Uri("http://127.0.0.1:9"), Token = new Secret(GitLabSecret) }) with
        {
            Webhook = new WebhookSettings { Secrets = [new Secret(HookSecret)], SigningTokens = [new Secret(SigningToken)], MaxBodyBytes = MaxBodyBytes },
        },
        Registries = new Dictionary<string, RegistrySettings>(),
        Projects =
        [
            new ProjectRule
            {
                Path = new ProjectPathPattern("acme/**"),
                Tags = [new RefPattern("v*")],
                BuildSecrets = new Dictionary<string, Secret> { ["npm"] = new(NpmSecret) },
                Images =
                [
                    new ImageRule("gitlab", "registry.example", Template.Parse("{project.path}"), [Template.Parse("{tag}"), Template.Parse("latest")]),
                ],
            },
        ],
        Channels = new Dictionary<string, ChannelSettings>(),
        Engine = new EngineSettings(),
        Storage = new StorageSettings { ConnectionString = new Secret(SqliteFile.ConnectionString(database)) },
        Bus = new BusSettings(),
        Access = access,
        Publishing = new PublishingSettings(),
        Retention = new RetentionSettings(),
        Reconcile = new ReconcileSettings(),
    };
}

/// <summary>What came back, read to its end.</summary>
internal sealed record Answer(HttpStatusCode Status, string? MediaType, string Text, IReadOnlyDictionary<string, string> Headers)
{
    public JsonElement Json => JsonDocument.Parse(Text).RootElement;

    /// <summary>The problem's type, without its common beginning.</summary>
    public string? Problem => MediaType == "application/problem+json" ? Json.GetProperty("type").GetString()!["urn:releasebot:".Length..] : null;

    public string? Outcome => Json.GetProperty("outcome").GetString();

    public string? ReasonCode => Json.TryGetProperty("reason", out var reason) ? reason.GetProperty("code").GetString() : null;

    public Guid Release => Json.GetProperty("releases").EnumerateArray().Single().GetGuid();
}
