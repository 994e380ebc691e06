using System.Globalization;
using System.Security.Cryptography;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace ReleaseBot.Parts;

/// <summary>A real RabbitMQ node in a temporary folder of its own, with a port mapper of its own, on free ports of loopback.</summary>
public sealed class RabbitMqServer : IAsyncDisposable
{
    // The wrapper in /usr/sbin forces the machine's own node.
    private const string Program = "/usr/lib/rabbitmq/bin/rabbitmq-server";
    private const string ControlProgram = "/usr/lib/rabbitmq/bin/rabbitmqctl";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan ControlLimit = TimeSpan.FromSeconds(90);

    private readonly string _folder = Directory.CreateTempSubdirectory("rb-mq-").FullName;
    private readonly string _node = $"rb{RandomNumberGenerator.GetHexString(6, lowercase: true)}@localhost";
    private readonly int _port = Ports.Free();
    private readonly int _distributionPort = Ports.Free();
    private readonly int _mapperPort = Ports.Free();
    private ServerProcess? _mapper;
    private ServerProcess? _server;

    private RabbitMqServer()
    {
    }

    /// <summary>E.g. <c>amqp://guest:guest@127.0.0.1:43210/</c>.</summary>
    public Uri Uri => new(string.Create(CultureInfo.InvariantCulture, $"amqp://guest:guest@127.0.0.1:{_port}/"));

    public static async Task<RabbitMqServer> StartAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(Program))
        {
            throw new InvalidOperationException($"There is no RabbitMQ ({Program}). Install it with: apt-get install --no-install-recommends rabbitmq-server");
        }

        var server = new RabbitMqServer();
        try
        {
            await File.WriteAllTextAsync(Path.Combine(server._folder, "enabled_plugins"), "[].\n", cancellationToken);
            await server.ResumeAsync(cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it again after <see cref="StopAsync"/>, on its old port and with its old queues.</summary>
    public async Task ResumeAsync(CancellationToken cancellationToken)
    {
        // A node starts one by itself where none runs, and leaves it behind.
        _mapper ??= ServerProcess.Start("epmd", ["-port", _mapperPort.ToString(CultureInfo.InvariantCulture), "-address", "127.0.0.1"], Environment(), _folder);
        _server = ServerProcess.Start(Program, [], Environment(), _folder);
        await WaitUntilReadyAsync(cancellationToken);
    }

    /// <summary>Takes it down at once, as a crash would.</summary>
    public async Task StopAsync()
    {
        if (_server is { } server)
        {
            _server = null;
            // The script waits for the node, which is its child.
            await server.KillTreeAsync();
            server.Dispose();
        }
    }

    /// <summary>Runs <c>rabbitmqctl</c>, e.g. <c>list_queues name durable</c>.</summary>
    /// <returns>What it printed: rows with tabs between their columns, and no headings.</returns>
    public async Task<string> ControlAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        var (exitCode, output) = await ServerProcess.RunAsync(
            ControlProgram, ["--quiet", .. arguments], Environment(), _folder, ControlLimit, cancellationToken);
        return exitCode == 0 ? output : throw new InvalidOperationException($"rabbitmqctl {string.Join(' ', arguments)} ended with {exitCode}:\n{output}");
    }

    /// <summary>Adds a user who may do everything in what matches the pattern, and nothing elsewhere.</summary>
    /// <returns>The address for the user.</returns>
    public async Task<Uri> AddUserAsync(string name, string pattern, CancellationToken cancellationToken)
    {
        await ControlAsync(["add_user", name, name], cancellationToken);
        await ControlAsync(["set_permissions", name, pattern, pattern, pattern], cancellationToken);
        return new UriBuilder(Uri) { UserName = name, Password = name }.Uri;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (_mapper is { } mapper)
        {
            await mapper.KillTreeAsync();
            mapper.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private Dictionary<string, string> Environment() => new()
    {
        ["RABBITMQ_NODENAME"] = _node,
        ["RABBITMQ_NODE_IP_ADDRESS"] = "127.0.0.1",
        ["RABBITMQ_NODE_PORT"] = _port.ToString(CultureInfo.InvariantCulture),
        ["RABBITMQ_DIST_PORT"] = _distributionPort.ToString(CultureInfo.InvariantCulture),
        ["ERL_EPMD_PORT"] = _mapperPort.ToString(CultureInfo.InvariantCulture),
        ["RABBITMQ_MNESIA_BASE"] = Path.Combine(_folder, "data"),
        ["RABBITMQ_LOG_BASE"] = Path.Combine(_folder, "log"),
        ["RABBITMQ_CONFIG_FILE"] = Path.Combine(_folder, "rabbitmq"),
        ["RABBITMQ_ENABLED_PLUGINS_FILE"] = Path.Combine(_folder, "enabled_plugins"),
        ["RABBITMQ_PID_FILE"] = Path.Combine(_folder, "pid"),
        // Its schedulers spin while they wait, which on a small machine costs everybody else.
        ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = "+sbwt none +sbwtdcpu none +sbwtdio none",
        ["HOME"] = _folder,
    };

    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        var factory = new ConnectionFactory { Uri = Uri, AutomaticRecoveryEnabled = false };
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (_server!.HasExited)
            {
                throw new InvalidOperationException($"RabbitMQ ended at once:\n{_server.Output}");
            }

            try
            {
                await using var connection = await factory.CreateConnectionAsync(cancellationToken);
                return;
            }
            catch (BrokerUnreachableException fault)
            {
                if (TimeProvider.System.GetElapsedTime(started) > StartLimit)
                {
                    throw new TimeoutException($"RabbitMQ does not answer ({fault.InnerException?.Message}):\n{_server.Output}");
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, cancellationToken);
        }
    }
}
