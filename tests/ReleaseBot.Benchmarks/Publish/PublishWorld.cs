using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using ReleaseBot.Parts;
using ReleaseBot.StandIns.GitLab;

namespace ReleaseBot.Benchmarks.Publish;

/// <summary>What the ways of publishing share: a GitLab, two registries with passwords, base images; and an engine that stays for each that keeps one.</summary>
internal sealed class PublishWorld : IAsyncDisposable
{
    /// <summary>Below it are those that the bot publishes to.</summary>
    public const string BotRepositories = "bot";

    private const int BaseMegabytes = 72;
    private const int BaseLayers = 3;

    private readonly BenchOptions _options;
    private readonly BenchSite _site;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };

    private PublishWorld(BenchOptions options, BenchSite site) => (_options, _site) = (options, site);

    public GitLabStandIn GitLab => _site.GitLab;

    public DockerRegistry First { get; private set; } = null!;

    public DockerRegistry Second { get; private set; } = null!;

    public DockerDaemon FloorEngine { get; private set; } = null!;

    public BotProgram Bot { get; private set; } = null!;

    public static async Task<PublishWorld> StartAsync(BenchOptions options, CancellationToken cancellationToken)
    {
        var world = new PublishWorld(options, await BenchSite.StartAsync(cancellationToken));
        try
        {
            world.First = world._site.Own(await DockerRegistry.StartAsync(new DockerRegistryOptions { Htpasswd = true }, cancellationToken));
            world.Second = world._site.Own(await DockerRegistry.StartAsync(new DockerRegistryOptions { Htpasswd = true }, cancellationToken));
            world.FloorEngine = world._site.Own(await DockerDaemon.StartAsync(new DockerDaemonOptions()));
            var botEngine = world._site.Own(await DockerDaemon.StartAsync(new DockerDaemonOptions()));
            world.Bot = world._site.Own(await BotProgram.StartAsync(options.ProgramPath, world.Settings(botEngine), world.Secrets(), cancellationToken));
            world._site.SendHooksTo(world.Bot);
            return world;
        }
        catch
        {
            await world.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Has a job's files deleted at the end of all, not of the job: an ext4 without a journal looks at each inode that was freed in the last minutes again
    /// before it takes a new one (fs/ext4/ialloc.c, recently_deleted), which made the next in turn up to half slower.
    /// </summary>
    public T Own<T>(T part)
        where T : IAsyncDisposable => _site.Own(part);

    /// <summary>A project nobody has built yet, on a base image of its own, and its first commit.</summary>
    public async Task<ShopRepository> AddProjectAsync(string path, CancellationToken cancellationToken)
    {
        var project = await _site.AddProjectAsync(path, cancellationToken);
        var shop = Own(new ShopRepository(await StandInRepository.CreateAsync(GitLab, project, cancellationToken), await PushBaseAsync(path, cancellationToken), _options.IsShort));
        await shop.CreateAsync(cancellationToken);
        return shop;
    }

    /// <summary>The environment of a job that publishes a repository.</summary>
    public Dictionary<string, string> JobVariables(StandInProject project, string commit, string repository, string version) => new()
    {
        ["CLONE_URL"] = new UriBuilder(project.CloneUrl) { UserName = "gitlab-ci-token", Password = GitLab.Options.Token }.Uri.AbsoluteUri,
        ["ARCHIVE_URL"] = new Uri(GitLab.Url, string.Create(CultureInfo.InvariantCulture, $"/api/v4/projects/{project.Id}/repository/archive.tar.gz?sha={commit}")).AbsoluteUri,
        ["FIRST"] = First.Host,
        ["SECOND"] = Second.Host,
        ["REPOSITORY"] = repository,
        ["VERSION"] = version,
        ["REGISTRY_USER"] = DockerRegistry.Username,
        ["REGISTRY_PASSWORD"] = DockerRegistry.Password,
    };

    /// <summary>Logs a job's Docker client in to both registries.</summary>
    public async Task LogInAsync(ScriptRun job, CancellationToken cancellationToken)
    {
        var script = Path.Combine(job.Folder, "login.sh");
        await File.WriteAllTextAsync(
            script, string.Concat(((string[])[First.Host, Second.Host]).Select(host =>
                $"docker login --username {DockerRegistry.Username} --password-stdin {host} <<<{DockerRegistry.Password} 2>/dev/null\n")), cancellationToken);
        await job.RunAsync(script, new Dictionary<string, string>(), cancellationToken);
        await File.WriteAllTextAsync(Path.Combine(job.Folder, "header"), $"PRIVATE-TOKEN: {GitLab.Options.Token}\n", cancellationToken);
    }

    /// <summary>That what was measured did its work: both registries have the version, and <c>latest</c> on it.</summary>
    public async Task ThrowIfNotPublishedAsync(string repository, string version, CancellationToken cancellationToken)
    {
        foreach (var host in (string[])[First.Host, Second.Host])
        {
            var (published, latest) = (await DigestAsync(host, repository, version, cancellationToken), await DigestAsync(host, repository, "latest", cancellationToken));
            if (published is null || latest != published)
            {
                throw new InvalidOperationException($"{host}/{repository}:{version} is {published ?? "not there"}, and latest is {latest ?? "not there"}.");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _site.DisposeAsync();
    }

    /// <returns>Null where there is no such tag.</returns>
    private async Task<string?> DigestAsync(string host, string repository, string tag, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, $"http://{host}/v2/{repository}/manifests/{tag}")
        {
            Headers =
            {
                Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{DockerRegistry.Username}:{DockerRegistry.Password}"))),
                Accept = { new("application/vnd.docker.distribution.manifest.v2+json"), new("application/vnd.oci.image.manifest.v1+json") },
            },
        };
        using var response = await _http.SendAsync(request, cancellationToken);
        return response.IsSuccessStatusCode ? response.Headers.GetValues("Docker-Content-Digest").Single() : null;
    }

    private async Task<string> PushBaseAsync(string name, CancellationToken cancellationToken)
    {
        var image = $"{First.Host}/bases/{name}:1";
        var engine = Own(await DockerDaemon.StartAsync(new DockerDaemonOptions()));
        var job = Own(new ScriptRun(engine, new Dictionary<string, string>()));
        await LogInAsync(job, cancellationToken);
        var layer = (_options.IsShort ? 3 : BaseMegabytes) / BaseLayers;
        var dockerfile = string.Create(CultureInfo.InvariantCulture, $"""
            FROM scratch
            COPY busybox /bin/busybox
            RUN ["/bin/busybox", "--install", "-s", "/bin"]

            """) + string.Concat(Enumerable.Range(1, BaseLayers).Select(i => string.Create(CultureInfo.InvariantCulture,
                $"RUN dd if=/dev/urandom of=/noise{i} bs=1000000 count={layer / 2} && yes \"a line of text {i}\" | head -c {layer - layer / 2}000000 > /text{i}\n")));
        var context = Directory.CreateDirectory(Path.Combine(job.Folder, "base")).FullName;
        File.Copy("/bin/busybox", Path.Combine(context, "busybox"));
        await File.WriteAllTextAsync(Path.Combine(context, "Dockerfile"), dockerfile, cancellationToken);
        var script = Path.Combine(job.Folder, "base.sh");
        await File.WriteAllTextAsync(script, $"set -e\ndocker build --quiet --tag {image} base\ndocker push --quiet {image}\n", cancellationToken);
        await job.RunAsync(script, new Dictionary<string, string>(), cancellationToken);
        await engine.StopAsync();
        return image;
    }

    private Dictionary<string, string> Secrets() => new(_site.Secrets())
    {
        ["Registries__first__Password"] = DockerRegistry.Password,
        ["Registries__second__Password"] = DockerRegistry.Password,
    };

    private JsonObject Settings(DockerDaemon engine) => new()
    {
        [nameof(GitLab)] = new JsonObject { ["Url"] = GitLab.Url.AbsoluteUri },
        ["Registries"] = new JsonObject { ["first"] = Registry(First), ["second"] = Registry(Second) },
        ["Projects"] = new JsonArray(new JsonObject { ["Path"] = "bench/**", ["Pull"] = new JsonArray("first"), ["Images"] = new JsonArray(Image("first"), Image("second")) }),
        ["Engine"] = new JsonObject { ["Endpoint"] = engine.Endpoint.ToString() },
    };

    private static JsonObject Registry(DockerRegistry registry) => new() { ["Host"] = registry.Host, ["Insecure"] = true, ["Username"] = DockerRegistry.Username };

    private static JsonObject Image(string registry) => new()
    {
        ["Registry"] = registry,
        ["Repository"] = $"{BotRepositories}/{{project.path}}",
        ["Tags"] = new JsonArray("{tag}", "latest"),
    };
}
