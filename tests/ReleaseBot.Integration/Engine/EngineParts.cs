using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Runtime.Versioning;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.Parts;
using Xunit;

namespace ReleaseBot.Integration.Engine;

/// <summary>One engine for all of these tests; they run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class EngineCollection : ICollectionFixture<DockerEngineFixture>
{
    public const string Name = "Docker engine";
}

internal static class Engines
{
    public static DockerEngine To(Uri endpoint, BuilderKind builder = BuilderKind.Auto, string? certificates = null) =>
        new(new EngineSettings { Endpoint = endpoint, Builder = builder, CertificatePath = certificates }, TimeProvider.System, NullLogger<DockerEngine>.Instance);
}

/// <summary>A repository with busybox and a Dockerfile, as GitLab would pack it.</summary>
[SupportedOSPlatform("linux")]
internal sealed class Repository
{
    private const string Folder = "shop-v1.0.0-0123456789abcdef/";

    private readonly List<(string Path, byte[] Content)> _files = [];
    private readonly List<(string Path, string Target)> _links = [];

    public Repository(string dockerfile) => File("Dockerfile", dockerfile);

    /// <summary>Begins a Dockerfile whose RUN lines work without any base.</summary>
    public const string Busybox = "FROM scratch\nCOPY busybox /bin/busybox\nSHELL [\"/bin/busybox\", \"sh\", \"-c\"]\nENV PATH=/bin\nRUN busybox --install -s /bin\n";

    /// <summary>How often the context was written.</summary>
    public int Written { get; private set; }

    public static string BusyboxPath => System.IO.File.Exists("/bin/busybox")
        ? "/bin/busybox"
        : throw new InvalidOperationException("No /bin/busybox: install the busybox-static package.");

    public Repository File(string path, string content)
    {
        _files.Add((path, Encoding.UTF8.GetBytes(content)));
        return this;
    }

    public Repository Link(string path, string target)
    {
        _links.Add((path, target));
        return this;
    }

    public Repository Noise(string path, int length)
    {
        var noise = new byte[length];
        Random.Shared.NextBytes(noise);
        _files.Add((path, noise));
        return this;
    }

    public byte[] Archive()
    {
        var tar = new MemoryStream();
        using (var gzip = new GZipStream(tar, CompressionLevel.Fastest, leaveOpen: true))
        using (var writer = new TarWriter(gzip, TarEntryFormat.Pax))
        {
            writer.WriteEntry(new PaxGlobalExtendedAttributesTarEntry(new Dictionary<string, string> { ["comment"] = new('a', 40) }));
            writer.WriteEntry(new PaxTarEntry(TarEntryType.Directory, Folder));
            foreach (var (path, content) in _files.Append(("busybox", System.IO.File.ReadAllBytes(BusyboxPath))))
            {
                writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, Folder + path)
                {
                    Mode = (UnixFileMode)0b111_101_101,
                    // As git archive has it: of the commit, and so the same for all files.
                    ModificationTime = DateTimeOffset.UnixEpoch.AddYears(50),
                    DataStream = new MemoryStream(content),
                });
            }

            foreach (var (path, target) in _links)
            {
                writer.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, Folder + path) { LinkName = target });
            }
        }

        return tar.ToArray();
    }

    public Func<Stream, CancellationToken, Task> Writer(ContextOptions? options = null)
    {
        var archive = Archive();
        return async (body, cancellationToken) =>
        {
            Written++;
            await BuildContext.WriteAsync(new MemoryStream(archive), body, options ?? new ContextOptions(), cancellationToken);
        };
    }

    public BuildRequest Request(string name) => new()
    {
        BuildId = $"{name}-{Guid.CreateVersion7(TimeProvider.System.GetUtcNow()):N}",
        LocalTag = $"releasebot/{name}:build",
        WriteContext = Writer(),
        Platform = "linux/amd64",
    };
}

internal sealed class LineLog : IBuildLog
{
    private readonly List<string> _lines = [];

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    public string Text => string.Join('\n', Lines);

    public void WriteLine(string line)
    {
        lock (_lines)
        {
            _lines.Add(line);
        }
    }
}

/// <summary>A real registry on a loopback port, private to bob.</summary>
internal sealed class PrivateRegistry : IAsyncDisposable
{
    public const string Password = "s3cret+/?pass";

    // bob and the password above, as bcrypt.
    private const string Users = "bob:$2y$05$abcdefghijklmnopqrstuuA6NL1.ZtIIjl/KeSn6cAIJwJPqLHJFK\n";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rbr-");
    private Process? _process;

    private PrivateRegistry(int port) => Host = $"127.0.0.1:{port}";

    public string Host { get; }

    public RegistryCredential Bob => new(Host, "bob", new Secret(Password));

    public static async Task<PrivateRegistry> StartAsync(CancellationToken cancellationToken)
    {
        var registry = new PrivateRegistry(Ports.Free());
        try
        {
            registry.StartProcess();
            await registry.WaitUntilReadyAsync(cancellationToken);
            return registry;
        }
        catch
        {
            await registry.DisposeAsync();
            throw;
        }
    }

    public HttpClient Client()
    {
        var client = new HttpClient { BaseAddress = new Uri($"http://{Host}/v2/") };
        client.DefaultRequestHeaders.Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"bob:{Password}")));
        client.DefaultRequestHeaders.Accept.ParseAdd("application/vnd.docker.distribution.manifest.v2+json");
        client.DefaultRequestHeaders.Accept.ParseAdd("application/vnd.oci.image.manifest.v1+json");
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process?.Dispose();
        _folder.Delete(recursive: true);
    }

    private void StartProcess()
    {
        var folder = _folder.FullName;
        File.WriteAllText($"{folder}/users", Users);
        File.WriteAllText($"{folder}/config.yml", $"""
            version: 0.1
            log: {"{"} level: error {"}"}
            storage: {"{"} filesystem: {"{"} rootdirectory: {folder}/data {"}"} {"}"}
            auth: {"{"} htpasswd: {"{"} realm: test, path: {folder}/users {"}"} {"}"}
            http: {"{"} addr: {Host}, secret: test {"}"}
            """);
        var start = new ProcessStartInfo("sh", ["-c", $"exec docker-registry serve {folder}/config.yml >{folder}/log 2>&1"]);
        _process = Process.Start(start) ?? throw new InvalidOperationException("No shell to start docker-registry with.");
    }

    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        using var client = Client();
        var start = TimeProvider.System.GetTimestamp();
        var last = "";
        while (TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(30) && !_process!.HasExited)
        {
            try
            {
                using var response = await client.GetAsync("", cancellationToken);
                last = response.StatusCode.ToString();
                if (response.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException fault)
            {
                last = fault.Message;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancellationToken);
        }

        throw new InvalidOperationException($"docker-registry does not answer ({last}); install the docker-registry package if it is missing.\n{await File.ReadAllTextAsync($"{_folder.FullName}/log", cancellationToken)}");
    }
}
