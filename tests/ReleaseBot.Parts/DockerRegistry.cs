using System.Diagnostics;
using System.Text.RegularExpressions;
using ReleaseBot.Core;
using ReleaseBot.StandIns.Registry;

namespace ReleaseBot.Parts;

public sealed record DockerRegistryOptions
{
    /// <summary>Asks for <see cref="DockerRegistry.Username"/> and <see cref="DockerRegistry.Password"/> by Basic.</summary>
    public bool Htpasswd { get; init; }

    /// <summary>Sends its callers to this server for bearer tokens.</summary>
    public TokenServer? Tokens { get; init; }

    /// <summary>TLS with a certificate of a private authority.</summary>
    public bool Tls { get; init; }
}

/// <summary>A real docker-registry in a process and a temporary folder of its own, on a free port of loopback.</summary>
public sealed partial class DockerRegistry : IAsyncDisposable
{
    public const string Username = "pusher";
    public const string Password = "push-it-1";

    // bcrypt of the password above.
    private const string PasswordHash = "$2y$05$abcdefghijklmnopqrstuuzJNKGnYb99f1t3Kv8divhissckqpbii";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    private readonly DockerRegistryOptions _options;
    private readonly string _directory = Directory.CreateTempSubdirectory("registry-").FullName;
    private readonly PrivateAuthority? _authority;
    private int _port;
    private Process? _process;

    private DockerRegistry(DockerRegistryOptions options)
    {
        _options = options;
        DataDirectory = Path.Combine(_directory, "data");
        LogPath = Path.Combine(_directory, "registry.log");
        _authority = options.Tls ? PrivateAuthority.Create(_directory, TimeProvider.System) : null;
    }

    /// <summary>E.g. <c>127.0.0.1:43210</c>; the same after a stop and a start.</summary>
    public string Host => $"127.0.0.1:{_port}";

    public string DataDirectory { get; }

    public string LogPath { get; }

    /// <summary>The private authority's certificate; null without TLS.</summary>
    public string? CaFile => _authority?.CaFile;

    public static async Task<DockerRegistry> StartAsync(DockerRegistryOptions options, CancellationToken cancellationToken)
    {
        var registry = new DockerRegistry(options);
        try
        {
            await registry.StartAsync(cancellationToken);
            return registry;
        }
        catch
        {
            await registry.DisposeAsync();
            throw;
        }
    }

    /// <summary>How ReleaseBot is configured for it: right user and password, where it wants any.</summary>
    public RegistrySettings Settings(string name = "test") => new()
    {
        Name = name,
        Host = Host,
        Insecure = !_options.Tls,
        CaFile = CaFile,
        Username = _options.Htpasswd || _options.Tokens is not null ? Username : null,
        Password = _options.Htpasswd || _options.Tokens is not null ? new Secret(Password) : null,
        TokenRealm = _options.Tokens?.Realm,
    };

    /// <summary>Starts it again after <see cref="StopAsync"/>, on its old port and with its old data.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var configuration = Path.Combine(_directory, "config.yml");
        await File.WriteAllTextAsync(configuration, Configuration(), cancellationToken);
        if (_options.Htpasswd)
        {
            await File.WriteAllTextAsync(Path.Combine(_directory, "htpasswd"), $"{Username}:{PasswordHash}\n", cancellationToken);
        }

        var start = new ProcessStartInfo("docker-registry", ["serve", configuration]) { RedirectStandardError = true, RedirectStandardOutput = true };
        try
        {
            _process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new InvalidOperationException("docker-registry is missing: apt-get install docker-registry", exception);
        }

        var listening = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        var log = new StreamWriter(LogPath, append: true) { AutoFlush = true };
        _process.OutputDataReceived += (_, _) => { };
        _process.ErrorDataReceived += (_, line) => Read(line.Data, log, listening);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        try
        {
            _port = await listening.Task.WaitAsync(StartLimit, TimeProvider.System, cancellationToken);
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"docker-registry did not listen within {StartLimit.TotalSeconds} s: {await File.ReadAllTextAsync(LogPath, cancellationToken)}", exception);
        }
    }

    /// <summary>Takes it down at once, as a crash would. What it holds stays.</summary>
    public async Task StopAsync()
    {
        if (_process is not { } process)
        {
            return;
        }

        _process = null;
        using (process)
        {
            process.Kill();
            using var limit = new CancellationTokenSource(StopLimit, TimeProvider.System);
            await process.WaitForExitAsync(limit.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private static void Read(string? line, StreamWriter log, TaskCompletionSource<int> listening)
    {
        if (line is null)
        {
            log.Dispose();
            listening.TrySetException(new InvalidOperationException("docker-registry ended before it listened; see its log."));
            return;
        }

        log.WriteLine(line);
        if (Listening().Match(line) is { Success: true } match)
        {
            listening.TrySetResult(int.Parse(match.Groups[1].ValueSpan, null));
        }
    }

    private string Configuration()
    {
        var auth = _options switch
        {
            { Htpasswd: true } => $"""
                auth:
                  htpasswd:
                    realm: test
                    path: {_directory}/htpasswd
                """,
            { Tokens: { } tokens } => $"""
                auth:
                  token:
                    realm: {tokens.Realm}
                    service: {TokenServer.Service}
                    issuer: {TokenServer.Issuer}
                    rootcertbundle: {tokens.CertificateFile}
                """,
            _ => "",
        };
        var tls = _authority is null ? "" : $"""
              tls:
                certificate: {_authority.CertificateFile}
                key: {_authority.KeyFile}
            """;
        return $"""
            version: 0.1
            log:
              level: info
            storage:
              filesystem:
                rootdirectory: {DataDirectory}
              delete:
                enabled: true
            validation:
              manifests:
                urls:
                  allow: ["^https://"]
            http:
              addr: 127.0.0.1:{_port}
            {tls}
            {auth}
            """;
    }

    [GeneratedRegex("listening on 127\\.0\\.0\\.1:([0-9]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Listening();
}
