using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using ReleaseBot.StandIns.GitLab.Api;
using ReleaseBot.StandIns.GitLab.Git;
using ReleaseBot.StandIns.GitLab.Hooks;

namespace ReleaseBot.StandIns.GitLab;

/// <summary>
/// A GitLab small enough for a test and strict enough to trust: the API that ReleaseBot uses, over real git repositories that are cloned
/// and pushed to by real git, with the hooks that a push fires. A request it does not know is a 404 and is remembered.
/// </summary>
public sealed class GitLabStandIn : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string _data;
    private readonly ConcurrentDictionary<long, StandInProject> _projects = new();
    private readonly ConcurrentDictionary<long, StandInHook> _hooks = new();
    private readonly ConcurrentDictionary<long, HookHealth> _health = new();
    private readonly ConcurrentDictionary<long, StandInGroup> _groups = new();
    private readonly ConcurrentQueue<StandInRequest> _requests = new();
    private readonly ConcurrentQueue<StandInRequest> _unexpected = new();
    private long _lastHookId;
    private long _lastEmptyId = 1_000_000;
    private HookSender _sender = null!;

    private GitLabStandIn(WebApplication app, GitLabStandInOptions options)
    {
        _app = app;
        Options = options;
        RequestLimit = options.RequestLimit is { } limit ? new RequestLimit(limit, options.RequestWindow) : null;
        _data = options.DataDirectory is { } data
            ? Directory.CreateDirectory(Path.GetFullPath(data)).FullName
            : Directory.CreateTempSubdirectory("gitlab-stand-in-").FullName;
    }

    public GitLabStandInOptions Options { get; }

    /// <summary>The address with its real port, without a slash at the end where it has a path.</summary>
    public Uri Url { get; private set; } = null!;

    /// <summary>Every request that was served but the stand-in's own <c>/_standin</c>.</summary>
    public IReadOnlyList<StandInRequest> Requests => [.. _requests];

    /// <summary>Those of a kind that GitLab's stand-in does not know: a test ends by asserting that there are none.</summary>
    public IReadOnlyList<StandInRequest> UnexpectedRequests => [.. _unexpected];

    /// <summary>The hooks that were sent and answered, or not answered in time.</summary>
    public IReadOnlyList<StandInDelivery> Deliveries => _sender.Deliveries;

    public IReadOnlyCollection<StandInProject> Projects => [.. _projects.Values.OrderBy(project => project.Id)];

    /// <summary>While true a push fires no hook, as for a disabled one.</summary>
    public bool LosesHooks { get; set; }

    /// <summary>How long hooks of the pushes from now on are on their way; those of later pushes may overtake them, as GitLab's Sidekiq keeps no order.</summary>
    public TimeSpan HookDelay { get; set; }

    /// <summary>The most API requests in one window of the rate limit.</summary>
    public int MostRequestsInAWindow => RequestLimit?.Most ?? 0;

    internal RequestLimit? RequestLimit { get; }

    internal FaultSwitches Faults { get; } = new();

    public static async Task<GitLabStandIn> StartAsync(GitLabStandInOptions options, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders().AddConsole().SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls(options.Url.GetLeftPart(UriPartial.Authority)).ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.AddServerHeader = false;
            if (options.Certificate is { } certificate)
            {
                kestrel.ConfigureHttpsDefaults(https => https.ServerCertificate = certificate);
            }
        }).UseKestrelHttpsConfiguration();
        var app = builder.Build();
        var gitLab = new GitLabStandIn(app, options);
        var frontDoor = new FrontDoor(gitLab);
        app.Run(frontDoor.HandleAsync);
        await app.StartAsync(cancellationToken);
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        gitLab.Url = new Uri(new Uri(address), options.Url.AbsolutePath.TrimEnd('/'));
        gitLab._sender = new HookSender(options, gitLab.Url, hook => gitLab._health.GetValueOrDefault(hook.Id));
        return gitLab;
    }

    public async ValueTask DisposeAsync()
    {
        await _sender.DisposeAsync();
        await _app.DisposeAsync();
        if (Options.DataDirectory is null)
        {
            Directory.Delete(_data, recursive: true);
        }
    }

    /// <summary>Makes a project with an empty repository, or opens the one that an earlier run left in the data directory.</summary>
    /// <param name="path">path_with_namespace.</param>
    /// <param name="id">Null: the next free one.</param>
    public async Task<StandInProject> AddProjectAsync(string path, long? id, CancellationToken cancellationToken)
    {
        var number = id ?? _projects.Keys.DefaultIfEmpty().Max() + 1;
        var project = new StandInProject(number, path, Path.Combine(_data, "repositories", path + ".git"), Url)
        {
            LastActivityAt = TimeProvider.System.GetUtcNow(),
        };
        if (FindProject(path) is not null || !_projects.TryAdd(number, project))
        {
            throw new InvalidOperationException($"There is a project {path} or {number} already.");
        }

        await project.Repository.CreateAsync(Options.AllowsShaWants, cancellationToken);
        return project;
    }

    /// <summary>Makes a project whose repository nobody has pushed to: nothing of it is on disk, so that there can be thousands.</summary>
    public StandInProject AddEmptyProject(string path)
    {
        var number = Interlocked.Increment(ref _lastEmptyId);
        var project = new StandInProject(number, path, Path.Combine(_data, "repositories", path + ".git"), Url) { LastActivityAt = TimeProvider.System.GetUtcNow() };
        return _projects.TryAdd(number, project) ? project : throw new InvalidOperationException($"There is a project {number} already.");
    }

    /// <summary>Makes the bot's user the owner of a group.</summary>
    public StandInGroup AddGroup(string path)
    {
        var group = new StandInGroup(_groups.Count + 1, path);
        _groups[group.Id] = group;
        return group;
    }

    public StandInHook AddHook(StandInHook hook)
    {
        var numbered = hook with { Id = Interlocked.Increment(ref _lastHookId) };
        _health[numbered.Id] = new HookHealth(Options.DisablesFailingHooks && hook.Scope != HookScope.System);
        _hooks[numbered.Id] = numbered;
        return numbered;
    }

    public void RemoveHook(long id) => _hooks.TryRemove(id, out _);

    /// <summary>Has the hook look as after so many failures in a row: 4 and more disable it for a time, 40 for good.</summary>
    public void FailHook(long id, int failures) => _health[id].SetFailures(failures);

    /// <summary>As the API shows it: <c>executable</c>, <c>temporarily_disabled</c> or <c>disabled</c>.</summary>
    public string HookStatus(long id) => _health[id].AlertStatus;

    public void AddFault(StandInFault fault) => Faults.Add(fault);

    public void ClearFaults() => Faults.Clear();

    /// <summary>Sends a delivery again: the same id and body, a new timestamp. Waits for the answer.</summary>
    public Task<StandInDelivery> ResendAsync(string deliveryId)
    {
        var earlier = Deliveries.FirstOrDefault(delivery => delivery.Id == deliveryId)
            ?? throw new InvalidOperationException($"No delivery {deliveryId} has been sent.");
        return _sender.SendAsync(_hooks[earlier.HookId], earlier.Id, earlier.Event, earlier.Project, earlier.Ref, earlier.Body);
    }

    /// <summary>Sends any body, as a hook with a template of its owner's would.</summary>
    public Task<StandInDelivery> SendAsync(StandInHook hook, string @event, ReadOnlyMemory<byte> body) =>
        _sender.SendAsync(hook, Guid.CreateVersion7().ToString(), @event, "", "", body);

    /// <summary>Waits until at least so many deliveries were answered.</summary>
    /// <exception cref="TimeoutException">They were not; the message lists those that were.</exception>
    public async Task<IReadOnlyList<StandInDelivery>> WaitForDeliveriesAsync(int count, TimeSpan limit, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (Deliveries.Count < count)
        {
            if (TimeProvider.System.GetElapsedTime(started) > limit)
            {
                throw new TimeoutException($"{count} deliveries were expected within {limit}; there are {Deliveries.Count}: "
                    + string.Join(", ", Deliveries.Select(delivery => $"{delivery.Event} {delivery.Ref} → {delivery.Status} {delivery.Error}")));
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancellationToken);
        }

        return Deliveries;
    }

    /// <summary>Makes a tag as GitLab's page does: annotated if there is a message.</summary>
    public Task CreateTagAsync(StandInProject project, string name, string commit, string? message, string user, CancellationToken cancellationToken) =>
        ChangeAsync(project, user, message is null ? ["tag", "--", name, commit] : ["tag", "--annotate", $"--message={message}", "--", name, commit], cancellationToken);

    /// <summary>Points a ref elsewhere, or deletes it (<paramref name="target"/> null), past all protection.</summary>
    /// <param name="fullRef">E.g. <c>refs/tags/v1.0.0</c>.</param>
    public Task UpdateRefAsync(StandInProject project, string fullRef, string? target, string user, CancellationToken cancellationToken) =>
        ChangeAsync(project, user, target is null ? ["update-ref", "-d", fullRef] : ["update-ref", fullRef, target], cancellationToken);

    public StandInProject? FindProject(string path) =>
        _projects.Values.FirstOrDefault(project => string.Equals(project.Path, path, StringComparison.OrdinalIgnoreCase));

    public StandInProject? FindProject(long id) => _projects.GetValueOrDefault(id);

    internal IReadOnlyList<StandInGroup> Groups => [.. _groups.Values.OrderBy(group => group.Id)];

    internal IEnumerable<StandInHook> Hooks => _hooks.Values.OrderBy(hook => hook.Id);

    internal StandInHook? FindHook(long id) => _hooks.GetValueOrDefault(id);

    internal HookHealth HealthOf(StandInHook hook) => _health[hook.Id];

    internal Task<StandInDelivery> SendTestAsync(StandInHook hook, string @event, StandInProject? project, string fullRef, ReadOnlyMemory<byte> body) =>
        _sender.SendAsync(hook, Guid.CreateVersion7().ToString(), @event, project?.Path ?? "", fullRef, body);

    /// <summary>Who a git request comes from: any name with a token as its password, or a user's own; null is nobody.</summary>
    internal string? GitUser(HttpRequest request)
    {
        const string Scheme = "Basic ";
        var header = request.Headers.Authorization.ToString();
        Span<byte> bytes = stackalloc byte[1024];
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            || !Convert.TryFromBase64String(header[Scheme.Length..], bytes, out var length))
        {
            return null;
        }

        var login = Encoding.UTF8.GetString(bytes[..length]).Split(':', 2);
        if (login is not [{ Length: > 0 } name, var password])
        {
            return null;
        }

        var isToken = password == Options.Token || password == Options.ReadOnlyToken;
        return isToken ? "releasebot" : Options.Users.TryGetValue(name, out var own) && own == password ? name : null;
    }

    /// <summary>Fires the hooks for what changed.</summary>
    internal void RefsChanged(StandInProject project, string user, IReadOnlyDictionary<string, string> before, IReadOnlyDictionary<string, string> after)
    {
        var changes = RefChange.Between(before, after);
        if (changes.Count == 0)
        {
            return;
        }

        var now = TimeProvider.System.GetUtcNow();
        if (project.LastActivityAt <= now - StandInProject.ActivityInterval)
        {
            project.LastActivityAt = now;
        }

        if (LosesHooks)
        {
            return;
        }

        foreach (var change in RefChange.Announced(changes, Options.PushEventHooksLimit))
        {
            foreach (var hook in Hooks.Where(hook => hook.Covers(project) && HealthOf(hook).IsExecutable))
            {
                _sender.Fire(project, change, user, hook, HookDelay);
            }
        }
    }

    internal void Record(StandInRequest request, bool isKnown)
    {
        _requests.Enqueue(request);
        if (!isKnown)
        {
            _unexpected.Enqueue(request);
        }
    }

    private async Task ChangeAsync(StandInProject project, string user, string[] arguments, CancellationToken cancellationToken)
    {
        await project.Repository.PushLock.WaitAsync(cancellationToken);
        try
        {
            var before = await project.Repository.SnapshotAsync(cancellationToken);
            await GitCommand.RunAsync(project.Repository.Directory, arguments, cancellationToken);
            RefsChanged(project, user, before, await project.Repository.SnapshotAsync(cancellationToken));
        }
        finally
        {
            project.Repository.PushLock.Release();
        }
    }
}
