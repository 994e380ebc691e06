using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks;

/// <summary>The real program in a process and a folder of its own, its database in it where the settings name none, and its API.</summary>
internal sealed class BotProgram : IAsyncDisposable
{
    private const string AccessToken = "an-access-token-of-the-benchmark";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan ReleaseLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan ReadyPoll = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan ReleasePoll = TimeSpan.FromMilliseconds(20);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rb-bench-bot-");
    private readonly HttpClient _http;
    private readonly ServerProcess _process;

    private BotProgram(string program, JsonObject settings, IReadOnlyDictionary<string, string> secrets, string roles)
    {
        Address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Ports.Free()}"));
        _http = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(30) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", AccessToken);
        settings["Urls"] = Address.GetLeftPart(UriPartial.Authority);
        var environment = new Dictionary<string, string>(secrets)
        {
            ["Access__Tokens__0__Name"] = "bench",
            ["Access__Tokens__0__Secret"] = AccessToken,
            ["Access__Tokens__0__Scopes__0"] = "read",
            ["Access__Tokens__0__Scopes__1"] = "operate",
        };
        // The log goes to a file, since a pipe's reader would cost time; exec: the process is then the program itself.
        _process = ServerProcess.Start(
            "sh", ["-c", "exec dotnet \"$0\" serve --roles \"$1\" --config \"$2\" > log 2>&1", program, roles, WriteSettings(_folder, settings)], environment, _folder.FullName);
    }

    public Uri Address { get; }

    /// <summary>Where GitLab sends its hooks.</summary>
    public Uri Hook => new(Address, "/webhooks/gitlab");

    /// <summary>Of SQLite, where the settings name none.</summary>
    public string DatabasePath => Path.Combine(_folder.FullName, "releasebot.db");

    /// <summary>From the process's start until it said that it was ready.</summary>
    public TimeSpan TimeToReady { get; private set; }

    /// <summary>What its threads have used of the processors, their calls to the system with it.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            using var process = Process.GetProcessById(_process.Id);
            return process.TotalProcessorTime;
        }
    }

    private string Output => File.Exists(Path.Combine(_folder.FullName, "log")) ? File.ReadAllText(Path.Combine(_folder.FullName, "log")) : "";

    /// <param name="settings">Without Urls and Access, which are made here.</param>
    /// <param name="secrets">Environment variables.</param>
    public static async Task<BotProgram> StartAsync(
        string program, JsonObject settings, IReadOnlyDictionary<string, string> secrets, CancellationToken cancellationToken, string roles = "web,worker")
    {
        var started = TimeProvider.System.GetTimestamp();
        var bot = new BotProgram(program, settings, secrets, roles);
        try
        {
            while (!await bot.IsReadyAsync(cancellationToken))
            {
                if (bot._process.HasExited || TimeProvider.System.GetElapsedTime(started) > StartLimit)
                {
                    throw new InvalidOperationException($"The bot did not get ready:\n{bot.Output}");
                }

                await Task.Delay(ReadyPoll, TimeProvider.System, cancellationToken);
            }

            bot.TimeToReady = TimeProvider.System.GetElapsedTime(started);
            return bot;
        }
        catch
        {
            await bot.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes the tables of the database that the settings name.</summary>
    public static async Task MigrateAsync(string program, JsonObject settings, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("rb-bench-migrate-");
        try
        {
            var (exitCode, output) = await ServerProcess.RunAsync(
                "dotnet", [program, "migrate", "--config", WriteSettings(folder, settings)], new Dictionary<string, string>(), folder.FullName, StartLimit, cancellationToken);
            if (exitCode != 0)
            {
                throw new InvalidOperationException($"migrate ended with {exitCode}:\n{output}");
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Waits until there is a release of a tag.</summary>
    /// <returns>The newest, as the API shows it.</returns>
    public Task<JsonNode> WaitForReleaseAsync(string project, string tag, CancellationToken cancellationToken) =>
        WaitAsync(project, tag, _ => true, cancellationToken);

    /// <summary>Waits until the newest release of a tag is published.</summary>
    /// <returns>The release as the API shows it, with <c>stages</c>.</returns>
    /// <exception cref="InvalidOperationException">It ended otherwise.</exception>
    public Task<JsonNode> WaitForPublishedAsync(string project, string tag, CancellationToken cancellationToken) => WaitAsync(
        project, tag,
        release => release["status"]!.GetValue<string>() switch
        {
            "published" => true,
            "failed" or "rejected" or "canceled" or "superseded" =>
                throw new InvalidOperationException($"{project} {tag} was not published: {release.ToJsonString()}\n{Output}"),
            _ => false,
        },
        cancellationToken);

    /// <summary>Waits until the newest release of a tag has ended as canceled.</summary>
    public Task<JsonNode> WaitForCanceledAsync(string project, string tag, CancellationToken cancellationToken) =>
        WaitAsync(project, tag, release => release["status"]!.GetValue<string>() == "canceled", cancellationToken);

    /// <summary>Asks for something to be done that needs no body.</summary>
    public async Task PostAsync(string path, CancellationToken cancellationToken)
    {
        using var response = await _http.PostAsync(path, null, cancellationToken);
        response.EnsureSuccessStatusCode();
    }

    public Task<string> GetAsync(string path, CancellationToken cancellationToken) => _http.GetStringAsync(path, cancellationToken);

    /// <summary>Follows a log by server-sent events; the answer begins at once and ends with the release.</summary>
    public async Task<HttpResponseMessage> FollowAsync(string path, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Accept = { new("text/event-stream") } } };
        return (await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken)).EnsureSuccessStatusCode();
    }

    public ProcessMemory Memory() => ProcessMemory.Of(_process.Id);

    /// <summary>As an operator stops it, so that it says goodbye to the others.</summary>
    public Task StopAsync() => _process.TerminateAsync();

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await _process.KillTreeAsync();
        }

        _process.Dispose();
        _http.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task<JsonNode> WaitAsync(string project, string tag, Func<JsonNode, bool> isSo, CancellationToken cancellationToken)
    {
        var path = $"api/v1/releases?project={Uri.EscapeDataString(project)}&ref={Uri.EscapeDataString(tag)}&limit=1";
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var page = JsonNode.Parse(await _http.GetStringAsync(path, cancellationToken))!;
            if (page["items"]!.AsArray() is [{ } release, ..] && isSo(release))
            {
                return release;
            }

            if (TimeProvider.System.GetElapsedTime(started) > ReleaseLimit)
            {
                throw new TimeoutException($"{project} {tag} did not get so far within {ReleaseLimit}: {page.ToJsonString()}\n{Output}");
            }

            await Task.Delay(ReleasePoll, TimeProvider.System, cancellationToken);
        }
    }

    private async Task<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var response = await _http.GetAsync("healthz/ready", cancellationToken);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static string WriteSettings(DirectoryInfo folder, JsonObject settings)
    {
        var path = Path.Combine(folder.FullName, "releasebot.json");
        File.WriteAllText(path, settings.ToJsonString());
        return path;
    }
}
