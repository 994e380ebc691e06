using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace ReleaseBot.EndToEnd.Parts;

/// <summary>The real program in a process and a folder of its own. Killed or stopped, it can be started again over what it left.</summary>
internal sealed class BotProcess : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("releasebot-");
    private readonly StringBuilder _output = new();
    private readonly JsonObject _settings;
    private readonly IReadOnlyDictionary<string, string> _secrets;
    private ServerProcess? _process;

    /// <param name="settings">Read at each start; without Urls and Access, which are made here, as is a Storage of SQLite where there is none.</param>
    /// <param name="secrets">Environment variables, read at each start.</param>
    public BotProcess(JsonObject settings, IReadOnlyDictionary<string, string> secrets)
    {
        Address = new Uri($"http://127.0.0.1:{Ports.Free()}");
        AccessToken = RandomNumberGenerator.GetHexString(40, lowercase: true);
        _secrets = secrets;
        _settings = settings;
        Api = new BotApi(Address, AccessToken);
    }

    public Uri Address { get; }

    public string AccessToken { get; }

    public BotApi Api { get; }

    /// <summary>What it does, as of <c>--roles</c>, from the next start on.</summary>
    public string Roles { get; set; } = "web,worker";

    /// <summary>Everything that it keeps on disk.</summary>
    public string Folder => _folder.FullName;

    public string DatabasePath => Path.Combine(Folder, "releasebot.db");

    public bool IsRunning => _process is { HasExited: false };

    /// <summary>Standard output and error of all its runs.</summary>
    public string Output => _output + _process?.Output;

    private string SettingsPath => Path.Combine(Folder, "releasebot.json");

    /// <param name="health">What has to answer well before the bot counts as started.</param>
    public async Task StartAsync(string health = "healthz/ready")
    {
        _settings["Urls"] = Address.GetLeftPart(UriPartial.Authority);
        _settings["Storage"] ??= new JsonObject { ["ConnectionString"] = $"Data Source={DatabasePath}" };
        await File.WriteAllTextAsync(SettingsPath, _settings.ToJsonString(), TestContext.Current.CancellationToken);
        var environment = new Dictionary<string, string>(_secrets)
        {
            ["Access__Tokens__0__Name"] = "test",
            ["Access__Tokens__0__Secret"] = AccessToken,
            ["Access__Tokens__0__Scopes__0"] = "read",
            ["Access__Tokens__0__Scopes__1"] = "operate",
        };
        _output.Append(_process?.Output);
        _process?.Dispose();
        _process = ServerProcess.Start("dotnet", [TestedProgram.Path, "serve", "--roles", Roles, "--config", SettingsPath], Environment(environment), Folder);
        await Poll.UntilAsync(
            "the bot to answer",
            async () => _process.HasExited ? throw new InvalidOperationException($"The bot ended with {_process.ExitCode}:\n{Output}") : await Api.AnswersAsync(health),
            isReady => isReady,
            _ => Output);
    }

    /// <summary>kill -9.</summary>
    public Task KillAsync() => _process.ShouldNotBeNull().KillAsync();

    /// <summary>SIGTERM.</summary>
    /// <returns>The exit code.</returns>
    public Task<int> StopAsync() => _process.ShouldNotBeNull().TerminateAsync();

    /// <summary>Runs another command of the program against this bot.</summary>
    public Task<(int ExitCode, string Output)> CommandAsync(params string[] arguments)
    {
        var environment = Environment(new Dictionary<string, string> { ["RELEASEBOT_TOKEN"] = AccessToken, ["RELEASEBOT_SERVER"] = Address.AbsoluteUri });
        return ServerProcess.RunAsync("dotnet", [TestedProgram.Path, .. arguments], environment, Folder, Poll.Limit, TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (IsRunning)
        {
            await _process!.KillTreeAsync();
        }

        _process?.Dispose();
        Api.Dispose();
        _folder.Delete(recursive: true);
    }

    private static Dictionary<string, string> Environment(IReadOnlyDictionary<string, string> variables) =>
        new(variables.Concat(TestedProgram.ForAShortLife));
}
