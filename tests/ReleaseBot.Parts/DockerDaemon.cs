using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace ReleaseBot.Parts;

public sealed record DockerDaemonOptions
{
    /// <summary>
    /// A tree with another release of Docker in it, e.g. made by <c>debootstrap --variant=minbase --include=docker.io trixie DIR</c>; null for the
    /// engine installed on this machine. The environment's RELEASEBOT_ENGINE_ROOT has every test run on such a one.
    /// </summary>
    public string? Root { get; init; } = Environment.GetEnvironmentVariable("RELEASEBOT_ENGINE_ROOT") is { Length: > 0 } root ? root : null;

    /// <summary>Bytes of a disk of its own for the engine's data, made in memory; null for the disk of /tmp.</summary>
    public long? DiskSize { get; init; }

    /// <summary>More of dockerd's options.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];
}

/// <summary>
/// One dockerd with its own state, bridge and control group, all of which go with it. Never with <c>--bridge=none</c>: that deletes docker0 under
/// another engine (moby/moby daemon/daemon_unix.go, removeDefaultBridgeInterface).
/// </summary>
public sealed class DockerDaemon : IAsyncDisposable
{
    private const int Terminate = 15;
    private const int Kill = 9;

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(15);

    private readonly string _name;
    private readonly string? _root;
    private readonly IReadOnlyList<string> _arguments;
    private readonly HttpClient _http;
    private Process? _process;

    private DockerDaemon(string name, DockerDaemonOptions options)
    {
        (_name, _root, _arguments) = (name, options.Root, options.Arguments);
        // Short, since a socket's path ends at 108 bytes, containerd's below it as well.
        Folder = $"/tmp/{name}";
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Endpoint.AbsolutePath), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://docker/") };
    }

    /// <summary>Everything of this engine is below it.</summary>
    public string Folder { get; }

    /// <summary>What it holds on disk.</summary>
    public string DataFolder => $"{Folder}/data";

    public Uri Endpoint => new($"unix://{Folder}/d.sock");

    public static async Task<DockerDaemon> StartAsync(DockerDaemonOptions options)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            throw new InvalidOperationException("A Docker engine of one's own needs root: run the tests as root, or in a privileged container.");
        }

        var daemon = new DockerDaemon($"rbe-{RandomNumberGenerator.GetHexString(6, lowercase: true)}", options);
        try
        {
            await daemon.AddBridgeAsync();
            if (options.DiskSize is { } size)
            {
                Directory.CreateDirectory(daemon.DataFolder);
                await RunAsync("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={size},mode=711"), "tmpfs", daemon.DataFolder);
            }

            await daemon.StartAsync();
            return daemon;
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks the engine itself, past the code under test.</summary>
    public async Task<JsonElement> GetAsync(string path, CancellationToken cancellationToken)
    {
        using var response = await _http.GetAsync(path, cancellationToken);
        var text = await response.Content.ReadAsStringAsync(cancellationToken);
        return response.IsSuccessStatusCode ? JsonSerializer.Deserialize<JsonElement>(text) : throw new HttpRequestException($"{path}: {(int)response.StatusCode} {text}");
    }

    /// <summary>As a crash or the kernel's out-of-memory killer would.</summary>
    public void KillHard() => Signal(_process!.Id, Kill);

    /// <summary>With everything that it runs, as when the container of a nested engine is killed.</summary>
    public async Task KillWithAllAsync()
    {
        KillHard();
        await EndOwnProcessesAsync();
        foreach (var file in Directory.EnumerateFiles($"{Folder}/exec", "*.pid", SearchOption.AllDirectories).Append($"{Folder}/pid"))
        {
            File.Delete(file);
        }
    }

    /// <summary>Starts it, again too after <see cref="KillHard"/>, with what it has on disk.</summary>
    public async Task StartAsync()
    {
        StartProcess();
        await WaitUntilReadyAsync();
    }

    /// <summary>
    /// The processes of containers and build steps that run on it now. One that was killed and waits to be reaped by runc, for up to two seconds, runs
    /// no more: its command line is empty (proc(5)).
    /// </summary>
    public IReadOnlyList<int> RunningSteps() =>
        [.. Processes((id, own) => ReadProcess(id, "cgroup").Contains("/" + own, StringComparison.Ordinal) && ReadProcess(id, "cmdline").Length > 0)];

    /// <summary>Ends it and all that it runs; what it has on disk stays.</summary>
    public async Task StopAsync()
    {
        await StopProcessAsync();
        await EndOwnProcessesAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        foreach (var mount in MountsBelow(Folder))
        {
            await RunAsync("umount", "-l", mount);
        }

        if (Directory.Exists(Folder))
        {
            Directory.Delete(Folder, recursive: true);
        }

        RemoveControlGroups();
        if (Directory.Exists($"/sys/class/net/{_name}"))
        {
            await RunAsync("ip", "link", "delete", _name);
        }

        _process?.Dispose();
        _http.Dispose();
    }

    private async Task EndOwnProcessesAsync()
    {
        await WaitAsync(
            () =>
            {
                // Again and again: one that dies may have just started another.
                var left = OwnProcesses().ToList();
                left.ForEach(process => Signal(process, Kill));
                return left.Count == 0;
            },
            StopLimit, () => $"processes {string.Join(", ", OwnProcesses())} outlive {_name}");
    }

    private async Task AddBridgeAsync()
    {
        var net = RandomNumberGenerator.GetBytes(2);
        await RunAsync("ip", "link", "add", _name, "type", "bridge");
        await RunAsync("ip", "address", "add", string.Create(CultureInfo.InvariantCulture, $"10.{160 + net[0] % 64}.{net[1]}.1/24"), "dev", _name);
        await RunAsync("ip", "link", "set", _name, "up");
    }

    private void StartProcess()
    {
        Directory.CreateDirectory(Folder);
        List<string> command =
        [
            "dockerd", "--data-root", DataFolder, "--exec-root", $"{Folder}/exec", "--pidfile", $"{Folder}/pid", "-H", Endpoint.ToString(),
            $"--bridge={_name}", "--iptables=false", "--ip-masq=false", "--max-concurrent-uploads=20", $"--cgroup-parent=/{_name}", .. _arguments,
        ];
        if (_root is not null)
        {
            // BuildKit remounts its root, so that must be a mount; files below /tmp have the same names inside as outside.
            var script = $"mount --bind {_root} {_root} && for d in proc sys dev; do mount --rbind /$d {_root}/$d; done && mount --bind /tmp {_root}/tmp && exec chroot {_root} \"$@\"";
            command = ["unshare", "-m", "sh", "-c", script, "sh", .. command];
        }

        // Through a shell for the log alone; it replaces itself, so the process is the engine.
        var start = new ProcessStartInfo("sh") { Environment = { ["BUILDKIT_STEP_LOG_MAX_SIZE"] = "104857600", ["BUILDKIT_STEP_LOG_MAX_SPEED"] = "104857600" } };
        foreach (var argument in (string[])["-c", $"exec \"$@\" >>{Folder}/log 2>&1", "sh", .. command])
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start) ?? throw new InvalidOperationException("No dockerd: install the docker.io package.");
    }

    private async Task WaitUntilReadyAsync()
    {
        var last = "";
        await WaitAsync(
            async () =>
            {
                if (_process!.HasExited)
                {
                    throw new InvalidOperationException($"dockerd ended at once (install docker.io and iproute2 if one is missing):\n{Log()}");
                }

                try
                {
                    using var response = await _http.GetAsync("_ping");
                    last = response.StatusCode.ToString();
                    return response.IsSuccessStatusCode;
                }
                catch (HttpRequestException fault)
                {
                    last = fault.Message;
                    return false;
                }
            },
            StartLimit, () => $"dockerd does not answer ({last}):\n{Log()}");
    }

    private string Log() => File.Exists($"{Folder}/log") ? string.Join('\n', File.ReadLines($"{Folder}/log").TakeLast(20)) : "(no log)";

    private async Task StopProcessAsync()
    {
        if (_process is null || _process.HasExited)
        {
            return;
        }

        Signal(_process.Id, Terminate);
        using var limit = new CancellationTokenSource(StopLimit, TimeProvider.System);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            Signal(_process.Id, Kill);
        }
    }

    /// <summary>The engine's containerd and shims name its folder, and what it runs is in its control group, also after the engine has died.</summary>
    private IEnumerable<int> OwnProcesses() => Processes((id, own) =>
        ReadProcess(id, "cmdline").Contains(Folder + "/", StringComparison.Ordinal) || ReadProcess(id, "cgroup").Contains("/" + own, StringComparison.Ordinal));

    private IEnumerable<int> Processes(Func<int, string, bool> isOurs) =>
        Directory.EnumerateDirectories("/proc").Select(path => int.TryParse(Path.GetFileName(path), out var id) ? id : 0)
            .Where(id => id > 0 && id != Environment.ProcessId && isOurs(id, _name));

    private static string ReadProcess(int id, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/{file}");
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return "";
        }
    }

    private static List<string> MountsBelow(string folder) =>
        [.. File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')[4]).Where(path => path == folder || path.StartsWith(folder + "/", StringComparison.Ordinal))
            .OrderByDescending(path => path.Length)];

    private void RemoveControlGroups()
    {
        foreach (var hierarchy in Directory.EnumerateDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup").Select(path => Path.Combine(path, _name)).Where(Directory.Exists))
        {
            foreach (var group in Directory.EnumerateDirectories(hierarchy, "*", SearchOption.AllDirectories).Append(hierarchy).OrderByDescending(path => path.Length))
            {
                // Its files are the kernel's; the folder goes alone.
                _ = RemoveFolder(group);
            }
        }
    }

    private static async Task WaitAsync(Func<bool> condition, TimeSpan limit, Func<string> state) => await WaitAsync(() => Task.FromResult(condition()), limit, state);

    private static async Task WaitAsync(Func<Task<bool>> condition, TimeSpan limit, Func<string> state)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(start) > limit)
            {
                throw new TimeoutException(state());
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, CancellationToken.None);
        }
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true };
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"No {program}: install iproute2 and mount.");
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {error}");
        }
    }

    private static void Signal(int process, int signal) => _ = SendSignal(process, signal);

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int SendSignal(int process, int signal);

    [DllImport("libc", EntryPoint = "rmdir", CharSet = CharSet.Ansi, BestFitMapping = false)]
    private static extern int RemoveFolder(string path);
}
