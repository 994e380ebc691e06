using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;
using Npgsql;
using ReleaseBot.StandIns.Chat;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.GitLab.Hooks;
using ReleaseBot.StandIns.Registry;
using Xunit;

namespace ReleaseBot.EndToEnd.Parts;

/// <summary>What a scenario's bot keeps its history in. Tests are shared out between the two, none runs on both.</summary>
public enum On
{
    Sqlite,
    Postgres,
}

/// <summary>
/// A GitLab project with a developer's clone, a proxy of its own before each registry, and a bot that publishes it as <c>{tag}</c> and
/// <c>latest</c> to both. The bot is not started yet.
/// </summary>
internal sealed class ReleaseScenario : IAsyncDisposable
{
    private readonly List<StandInRepository> _clones = [];
    private readonly List<StandInHook> _hooks = [];
    private readonly ReleaseScenario? _host;
    private BotProcess? _bot;

    private ReleaseScenario(ServiceParts parts, FaultProxy first, FaultProxy second)
    {
        (Parts, First, Second) = (parts, first, second);
        Namespace = $"acme-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
        SigningToken = "whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        Settings = DefaultSettings();
        Secrets = new Dictionary<string, string>
        {
            ["GitLab__Token"] = parts.GitLab.Options.Token,
            ["GitLab__Webhook__SigningTokens__0"] = SigningToken,
            ["Registries__first__Password"] = DockerRegistry.Password,
            ["Registries__second__Password"] = DockerRegistry.Password,
            ["Channels__team__Url"] = parts.Chat.SlackUrl.AbsoluteUri,
        };
        FirstView = new RegistryView(parts.First, null);
        SecondView = new RegistryView(parts.Second, parts.Tokens);
    }

    /// <summary>Of a host, all but the namespace.</summary>
    private ReleaseScenario(ReleaseScenario host, string name)
    {
        (_host, Parts, First, Second, FirstView, SecondView) = (host, host.Parts, host.First, host.Second, host.FirstView, host.SecondView);
        (Settings, Secrets, SigningToken) = (host.Settings, host.Secrets, host.SigningToken);
        _bot = host.Bot;
        Namespace = $"{host.Namespace}/{name}";
    }

    public ServiceParts Parts { get; }

    /// <summary>Before the registry with a password; its address is what the bot knows.</summary>
    public FaultProxy First { get; }

    /// <summary>Before the registry with tokens.</summary>
    public FaultProxy Second { get; }

    public RegistryView FirstView { get; }

    public RegistryView SecondView { get; }

    /// <summary>To be changed before the bot is started.</summary>
    public JsonObject Settings { get; }

    public Dictionary<string, string> Secrets { get; }

    public JsonObject Rule => Settings["Projects"]![0]!.AsObject();

    public string SigningToken { get; }

    /// <summary>A namespace that is this scenario's alone.</summary>
    public string Namespace { get; }

    public string Path => $"{Namespace}/shop";

    public StandInProject Project => Clone.Project;

    public StandInRepository Clone => _clones[0];

    public BotProcess Bot => _bot ??= new BotProcess(Settings, Secrets);

    public BotApi Api => Bot.Api;

    public IReadOnlyList<StandInHook> Hooks => _hooks;

    /// <summary>The hooks of this project that were sent.</summary>
    public IReadOnlyList<StandInDelivery> Deliveries => [.. Parts.GitLab.Deliveries.Where(delivery => delivery.Project == Path)];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string? PostgresAddress => (string?)Settings["Storage"]?["Provider"] == "Postgres" ? (string?)Settings["Storage"]!["ConnectionString"] : null;

    public On Database => PostgresAddress is null ? On.Sqlite : On.Postgres;

    /// <summary>A time of the past, for SQL.</summary>
    public string LongAgo => PostgresAddress is null ? "1" : "to_timestamp(1)";

    /// <param name="dockerfile">Null: the repository has none.</param>
    public static async Task<ReleaseScenario> CreateAsync(ServiceParts parts, string? dockerfile = Dockerfiles.Plain, On on = On.Sqlite)
    {
        var scenario = await CreateEmptyAsync(parts, on);
        await scenario.AddProjectAsync(scenario.Path, dockerfile);
        return scenario;
    }

    /// <summary>Without a project.</summary>
    public static async Task<ReleaseScenario> CreateEmptyAsync(ServiceParts parts, On on)
    {
        var scenario = new ReleaseScenario(
            parts, await FaultProxy.StartAsync(parts.First.Host, Cancellation), await FaultProxy.StartAsync(parts.Second.Host, Cancellation));
        if (on == On.Postgres)
        {
            scenario.Settings["Storage"] = StorageOf(await parts.Postgres.CreateDatabaseAsync("releasebot_template", scenario.MigrateAsync, Cancellation));
        }

        return scenario;
    }

    /// <summary>
    /// The usual, at a bot that other tests had before: to start and to publish for the first time costs a bot more than all that most tests want of
    /// it. Namespace, project and clone are this scenario's alone, and so are bot and proxies for its time.
    /// </summary>
    public static async Task<ReleaseScenario> ShareAsync(ServiceParts parts, string? dockerfile = Dockerfiles.Plain, On on = On.Sqlite)
    {
        ReleaseScenario guest = new(await parts.Bots.BorrowAsync(on), parts.NextProjectId().ToString(CultureInfo.InvariantCulture));
        try
        {
            guest.First.Forget();
            guest.Second.Forget();
            await guest.AddProjectAsync(guest.Path, dockerfile);
            return guest;
        }
        catch
        {
            await guest.DisposeAsync();
            throw;
        }
    }

    /// <summary>The usual, with its bot started.</summary>
    public static async Task<ReleaseScenario> StartAsync(ServiceParts parts, string? dockerfile = Dockerfiles.Plain, On on = On.Sqlite)
    {
        var scenario = await CreateAsync(parts, dockerfile, on);
        try
        {
            await scenario.Bot.StartAsync();
            return scenario;
        }
        catch
        {
            // Nobody else would end the process.
            await scenario.DisposeAsync();
            throw;
        }
    }

    /// <summary>A project with a hook, the tags <c>v*</c> protected, and one commit.</summary>
    public async Task<StandInRepository> AddProjectAsync(string path, string? dockerfile = Dockerfiles.Plain)
    {
        var project = await Parts.GitLab.AddProjectAsync(path, Parts.NextProjectId(), Cancellation);
        project.ProtectedTags.Add("v*");
        _hooks.Add(Parts.GitLab.AddHook(new StandInHook
        {
            Url = new Uri(Bot.Address, "/webhooks/gitlab"),
            Scope = HookScope.Project,
            Owner = path,
            SigningToken = SigningToken,
        }));
        var clone = await StandInRepository.CreateAsync(Parts.GitLab, project, Cancellation);
        _clones.Add(clone);
        File.Copy("/bin/busybox", System.IO.Path.Combine(clone.Directory, "busybox"));
        await CommitAsync(clone, new() { ["Dockerfile"] = dockerfile });
        return clone;
    }

    /// <summary>From now on pushes tell nobody.</summary>
    public void RemoveHooks() => _hooks.ForEach(hook => Parts.GitLab.RemoveHook(hook.Id));

    /// <summary>Commits, with a page that no other commit has, so that every commit makes another image.</summary>
    public static Task<string> CommitAsync(StandInRepository clone, Dictionary<string, string?> files)
    {
        files["page.txt"] = Guid.CreateVersion7(TimeProvider.System.GetUtcNow()).ToString();
        return clone.CommitAsync(files, "A change", Cancellation);
    }

    /// <summary>Tags and pushes, as a developer does.</summary>
    public Task PushTagAsync(string tag) => PushTagAsync(Clone, tag);

    public static async Task PushTagAsync(StandInRepository clone, string tag)
    {
        await clone.TagAsync(tag, null, Cancellation);
        await clone.PushAsync(Cancellation, "main", tag);
    }

    public Task<ApiRelease> WaitForEndAsync(string tag) => Api.WaitForEndAsync(Path, tag);

    public async Task<ApiRelease> PublishAsync(string tag)
    {
        await PushTagAsync(tag);
        return await WaitForPublishedAsync(tag);
    }

    public async Task<ApiRelease> WaitForPublishedAsync(string tag)
    {
        var release = await WaitForEndAsync(tag);
        release.Status.ShouldBe("published", $"{release.Reason}\n{await Api.LogAsync(release.Id)}");
        return release;
    }

    /// <summary>The one digest that both registries have for a tag, by their own word.</summary>
    public async Task<string> DigestAsync(string tag)
    {
        var first = (await FirstView.DigestAsync(Path, tag)).ShouldNotBeNull($"{Path}:{tag} in the first registry");
        (await SecondView.DigestAsync(Path, tag)).ShouldBe(first, $"{Path}:{tag} in the second registry");
        return first;
    }

    public async Task ShouldHoldNothingAsync(string tag)
    {
        (await FirstView.DigestAsync(Path, tag)).ShouldBeNull();
        (await SecondView.DigestAsync(Path, tag)).ShouldBeNull();
    }

    /// <summary>What the chat was told of a tag of this project.</summary>
    public IReadOnlyList<ChatMessage> Told(string tag) =>
        [.. Parts.Chat.Taken.Where(message => message.Body.Contains(Path, StringComparison.Ordinal) && message.Body.Contains(tag, StringComparison.Ordinal))];

    public Task WaitUntilToldAsync(string tag) => Poll.UntilAsync($"the chat to be told of {tag}", () => Told(tag).Count > 0, () => Bot.Output);

    /// <summary>Lets matching requests wait for ever, until the proxy is healed.</summary>
    /// <returns>Ends when the first one waits.</returns>
    public static Task StallAsync(FaultProxy proxy, Func<ProxiedRequest, bool> when)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        proxy.On(request => when(request) && (reached.TrySetResult() || true), new ProxyFault.Silence(), times: 1000);
        return reached.Task.WaitAsync(Poll.Limit, TimeProvider.System, Cancellation);
    }

    /// <summary>Runs SQL on the bot's database.</summary>
    /// <returns>The number that it answers with; 0 where it answers with none.</returns>
    public async Task<long> SqlAsync(string sql)
    {
        await using DbConnection connection = PostgresAddress is { } address
            ? new NpgsqlConnection(address)
            : new SqliteConnection($"Data Source={Bot.DatabasePath};Pooling=False");
        await connection.OpenAsync(Cancellation);
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync(Cancellation) is long number ? number : 0;
    }

    public string ReferenceInFirst(string tag) => $"{First.Host}/{Path}:{tag}";

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            _clones.ForEach(clone => clone.Dispose());
            First.Heal();
            Second.Heal();
            await Parts.Bots.TakeBackAsync(_host, isFit: await IsDoneAsync());
            return;
        }

        if (_bot is not null)
        {
            await _bot.DisposeAsync();
        }

        _clones.ForEach(clone => clone.Dispose());
        FirstView.Dispose();
        SecondView.Dispose();
        await First.DisposeAsync();
        await Second.DisposeAsync();
    }

    /// <summary>What a failed test left unfinished would disturb the next one.</summary>
    private async Task<bool> IsDoneAsync()
    {
        try
        {
            return Bot.IsRunning && (await Api.ReleasesAsync(Path)).All(release => release.HasEnded);
        }
        catch (Exception exception) when (exception is HttpRequestException or ShouldAssertException or OperationCanceledException)
        {
            return false;
        }
    }

    private JsonObject DefaultSettings() => new()
    {
        ["GitLab"] = new JsonObject { ["Url"] = Parts.GitLab.Url.AbsoluteUri },
        ["Registries"] = new JsonObject
        {
            ["first"] = new JsonObject { ["Host"] = First.Host, ["Insecure"] = true, ["Username"] = DockerRegistry.Username },
            ["second"] = new JsonObject
            {
                ["Host"] = Second.Host,
                ["Insecure"] = true,
                ["Username"] = DockerRegistry.Username,
                ["TokenRealm"] = Parts.Tokens.Realm.AbsoluteUri,
            },
        },
        ["Projects"] = new JsonArray(new JsonObject
        {
            [nameof(Path)] = Namespace + "/**",
            ["BuildArgs"] = new JsonObject { ["VERSION"] = "{version}" },
            ["Images"] = new JsonArray(Image("first"), Image("second")),
            ["Notify"] = new JsonArray(new JsonObject { ["Channel"] = "team", ["On"] = new JsonArray("Published", "Failed", "Rejected", "Recovered") }),
        }),
        ["Channels"] = new JsonObject { ["team"] = new JsonObject { ["Kind"] = "Slack" } },
        ["Engine"] = new JsonObject { ["Endpoint"] = Parts.Engine.Endpoint.ToString() },
    };

    private static JsonObject StorageOf(string connectionString) => new() { ["Provider"] = "Postgres", ["ConnectionString"] = connectionString };

    /// <summary>By the program itself, as an operator does.</summary>
    private async Task MigrateAsync(string connectionString)
    {
        var file = System.IO.Path.Combine(Bot.Folder, "migrate.json");
        await File.WriteAllTextAsync(file, new JsonObject { ["Storage"] = StorageOf(connectionString) }.ToJsonString(), Cancellation);
        var (code, output) = await Bot.CommandAsync("migrate", "--config", file);
        code.ShouldBe(0, output);
    }

    private static JsonObject Image(string registry) => new()
    {
        ["Registry"] = registry,
        ["Repository"] = "{project.path}",
        ["Tags"] = new JsonArray("{tag}", "latest"),
    };
}
