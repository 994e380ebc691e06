using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace ReleaseBot.EndToEnd.Parts;

/// <summary>The real program in a process and a folder of its own. Killed or stopped, it can be started again over what it left.</summary>
internal sealed class BotProcess : IAsyncDisposable
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "ReleaseBot.dll");
    private static readonly TimeSpan ExitLimit = TimeSpan.FromSeconds(30);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("releasebot-");
    private readonly StringBuilder _output = new();
    private readonly JsonObject _settings;
    private readonly IReadOnlyDictionary<string, string> _secrets;
    private Process? _process;

    /// <param name="settings">Read at each start; without Urls, Storage and Access, which are made here.</param>
    /// <param name="secrets">Environment variables, read at each start.</param>
    public BotProcess(JsonObject settings, IReadOnlyDictionary<string, string> secrets)
    {
        Address = new Uri($"http://127.0.0.1:{FreePort()}");
        AccessToken = RandomNumberGenerator.GetHexString(40, lowercase: true);
        _secrets = secrets;
        _settings = settings;
        Api = new BotApi(Address, AccessToken);
    }

    public Uri Address { get; }

    public string AccessToken { get; }

    public BotApi Api { get; }

    /// <summary>Everything that it keeps on disk.</summary>
    public string Folder => _folder.FullName;

    public string DatabasePath => Path.Combine(Folder, "releasebot.db");

    /// <summary>Standard output and error of all its runs.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    private string SettingsPath => Path.Combine(Folder, "releasebot.json");

    /// <param name="health">What has to answer well before the bot counts as started.</param>
    public async Task StartAsync(string health = "healthz/ready")
    {
        _settings["Urls"] = Address.GetLeftPart(UriPartial.Authority);
        _settings["Storage"] = new JsonObject { ["ConnectionString"] = $"Data Source={DatabasePath}" };
        await File.WriteAllTextAsync(SettingsPath, _settings.ToJsonString(), TestContext.Current.CancellationToken);
        var environment = new Dictionary<string, string>(_secrets)
        {
            ["Access__Tokens__0__Name"] = "test",
            ["Access__Tokens__0__Secret"] = AccessToken,
            ["Access__Tokens__0__Scopes__0"] = "read",
            ["Access__Tokens__0__Scopes__1"] = "operate",
        };
        _process = Run(environment, _output, ["serve", "--config", SettingsPath]);
        await Poll.UntilAsync(
            "the bot to answer",
            async () => _process.HasExited ? throw new InvalidOperationException($"The bot ended with {_process.ExitCode}:\n{Output}") : await Api.AnswersAsync(health),
            isReady => isReady,
            _ => Output);
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        _process.ShouldNotBeNull().Kill();
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>SIGTERM.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> StopAsync()
    {
        using (var kill = Process.Start("kill", ["-TERM", _process.ShouldNotBeNull().Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        using var limit = new CancellationTokenSource(ExitLimit, TimeProvider.System);
        await _process.WaitForExitAsync(limit.Token);
        return _process.ExitCode;
    }

    /// <summary>Runs another command of the program against this bot.</summary>
    public async Task<(int ExitCode, string Output)> CommandAsync(params string[] arguments)
    {
        var output = new StringBuilder();
        using var command = Run(
            new Dictionary<string, string> { ["RELEASEBOT_TOKEN"] = AccessToken, ["RELEASEBOT_SERVER"] = Address.AbsoluteUri }, output, arguments);
        using var limit = new CancellationTokenSource(Poll.Limit, TimeProvider.System);
        try
        {
            await command.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            command.Kill();
            throw new TimeoutException($"releasebot {string.Join(' ', arguments)} did not end: {output}");
        }

        return (command.ExitCode, output.ToString());
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process?.Dispose();
        Api.Dispose();
        _folder.Delete(recursive: true);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private Process Run(IReadOnlyDictionary<string, string> environment, StringBuilder output, string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Program, .. arguments])
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // A run of seconds is compiled for nothing but those.
        start.Environment["DOTNET_TieredPGO"] = "0";
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;

        void Keep(string? line)
        {
            lock (output)
            {
                output.AppendLine(line);
            }
        }
    }
}
