using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ReleaseBot.Parts;

namespace ReleaseBot.Chaos;

/// <summary>Two web processes and three workers, each with the secrets of its own role and no other's.</summary>
internal sealed class Fleet : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);

    private static readonly string[] TagsOfTags = ["{tag}", "latest", "{major}", "{major}.{minor}"];

    private readonly World _world;
    private readonly string _settings;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(20) };
    private readonly ConcurrentQueue<string> _complaints = new();
    private readonly ConcurrentQueue<string> _deaths = new();

    private Fleet(World world)
    {
        _world = world;
        _settings = Path.Combine(world.Folder, "releasebot.json");
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", AccessToken);
        Webs = [NewBot("web-1", "web"), NewBot("web-2", "web")];
        Workers = [NewBot("worker-1", "worker"), NewBot("worker-2", "worker"), NewBot("worker-3", "worker")];
    }

    public IReadOnlyList<Bot> Webs { get; }

    public IReadOnlyList<Bot> Workers { get; }

    public IEnumerable<Bot> All => Webs.Concat(Workers);

    public string SigningToken { get; } = "whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    public string AccessToken { get; } = RandomNumberGenerator.GetHexString(40, lowercase: true);

    /// <summary>What went wrong with the processes themselves.</summary>
    public IReadOnlyCollection<string> Complaints => _complaints;

    /// <summary>Of processes that nobody had killed.</summary>
    public IReadOnlyCollection<string> Deaths => _deaths;

    /// <summary>With both scopes.</summary>
    public HttpClient Http => _http;

    public static async Task<Fleet> StartAsync(World world, CancellationToken cancellationToken)
    {
        var fleet = new Fleet(world);
        try
        {
            await File.WriteAllTextAsync(fleet._settings, fleet.Settings().ToJsonString(), cancellationToken);
            await fleet.MigrateAsync(cancellationToken);
            foreach (var bot in fleet.All)
            {
                bot.Start();
            }

            foreach (var bot in fleet.All)
            {
                await fleet.WaitUntilReadyAsync(bot, cancellationToken);
            }

            return fleet;
        }
        catch
        {
            await fleet.DisposeAsync();
            throw;
        }
    }

    public void Report(string complaint) => _complaints.Enqueue(complaint);

    public void ReportDeath(string complaint) => _deaths.Enqueue(complaint);

    public ServerProcess Launch(Bot bot) =>
        ServerProcess.Start("dotnet", [TestedProgram.Path, "serve", "--roles", bot.Role, "--config", _settings], Environment(bot), _world.Folder);

    public async Task WaitUntilReadyAsync(Bot bot, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (bot.HasDied || TimeProvider.System.GetElapsedTime(started) > StartLimit)
            {
                throw new TimeoutException($"{bot.Name} did not get ready:\n{bot.Output}");
            }

            try
            {
                using var response = await _http.GetAsync(new Uri(bot.Address, "/healthz/ready"), cancellationToken);
                if (response.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
            {
                // Not yet, or too busy to answer.
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var bot in All)
        {
            await bot.DisposeAsync();
        }

        _http.Dispose();
    }

    private Bot NewBot(string name, string role) => new(name, role, new Uri($"http://127.0.0.1:{Ports.Free()}"), this);

    private async Task MigrateAsync(CancellationToken cancellationToken)
    {
        var environment = new Dictionary<string, string> { ["Storage__ConnectionString"] = _world.Database };
        var (exitCode, output) = await ServerProcess.RunAsync("dotnet", [TestedProgram.Path, "migrate", "--config", _settings], environment, _world.Folder, StartLimit, cancellationToken);
        if (exitCode != 0)
        {
            throw new InvalidOperationException($"migrate ended with {exitCode}:\n{output}");
        }
    }

    private Dictionary<string, string> Environment(Bot bot)
    {
        var environment = new Dictionary<string, string>
        {
            ["Urls"] = bot.Address.GetLeftPart(UriPartial.Authority),
            ["GitLab__Token"] = _world.GitLab.Options.Token,
            ["Storage__ConnectionString"] = _world.Database,
            ["Bus__Uri"] = _world.RabbitMq.Uri.AbsoluteUri,
        };
        foreach (var (name, value) in TestedProgram.ForAShortLife)
        {
            environment[name] = value;
        }

        if (bot.Role == "web")
        {
            environment["GitLab__Webhook__SigningTokens__0"] = SigningToken;
            environment["Channels__team__Url"] = _world.Chat.WebhookUrl.AbsoluteUri;
            environment["Channels__team__SigningToken"] = _world.Chat.SigningToken;
            environment["Access__Tokens__0__Name"] = "chaos";
            environment["Access__Tokens__0__Secret"] = AccessToken;
            environment["Access__Tokens__0__Scopes__0"] = "read";
            environment["Access__Tokens__0__Scopes__1"] = "operate";
        }
        else
        {
            var engine = _world.Engines[bot.Name.EndsWith('2') ? 1 : 0];
            environment["Engine__Endpoint"] = engine.Endpoint.ToString();
            environment["Engine__CertificatePath"] = engine.Certificates;
            environment["Registries__first__Password"] = DockerRegistry.Password;
            environment["Registries__second__Password"] = DockerRegistry.Password;
        }

        return environment;
    }

    private JsonObject Settings() => new()
    {
        ["GitLab"] = new JsonObject { ["Url"] = _world.GitLab.Url.AbsoluteUri },
        ["Storage"] = new JsonObject { ["Provider"] = "Postgres" },
        ["Bus"] = new JsonObject { ["Transport"] = "RabbitMq" },
        ["Registries"] = new JsonObject
        {
            ["first"] = new JsonObject { ["Host"] = _world.Proxies[0].Host, ["Insecure"] = true, ["Username"] = DockerRegistry.Username },
            ["second"] = new JsonObject
            {
                ["Host"] = _world.Proxies[1].Host,
                ["Insecure"] = true,
                ["Username"] = DockerRegistry.Username,
                ["TokenRealm"] = _world.Tokens.Realm.AbsoluteUri,
            },
        },
        ["Projects"] = new JsonArray(
            new JsonObject
            {
                ["Path"] = Places.Branched,
                ["Branches"] = new JsonArray("main"),
                ["Images"] = new JsonArray(Image("first", "{project.path}", Places.BranchTag, "{sha}"), Image("second", "{project.path}", Places.BranchTag, "{sha}")),
                ["Notify"] = Notify(),
            },
            new JsonObject
            {
                ["Path"] = Places.Twice,
                ["Images"] = new JsonArray(Image("first"), Image("second"), Image("first", Places.SecondRepository, TagsOfTags)),
                ["Notify"] = Notify(),
            },
            new JsonObject { ["Path"] = "acme/**", ["Images"] = new JsonArray(Image("first"), Image("second")), ["Notify"] = Notify() }),
        ["Channels"] = new JsonObject { ["team"] = new JsonObject { ["Kind"] = "Webhook" } },
        // One that two workers share at the most; together they are the machine's.
        ["Engine"] = new JsonObject { ["Concurrency"] = 2 },
        ["Reconcile"] = new JsonObject { ["Interval"] = "00:00:20" },
    };

    private static JsonArray Notify() => new(new JsonObject { ["Channel"] = "team", ["On"] = new JsonArray("Published", "Failed", "Rejected") });

    private static JsonObject Image(string registry) => Image(registry, "{project.path}", TagsOfTags);

    private static JsonObject Image(string registry, string repository, params IReadOnlyList<string> tags) => new()
    {
        ["Registry"] = registry,
        ["Repository"] = repository,
        ["Tags"] = new JsonArray([.. tags.Select(tag => JsonValue.Create(tag))]),
    };
}
