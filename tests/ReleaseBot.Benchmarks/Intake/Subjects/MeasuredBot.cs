using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Intake.Subjects;

/// <summary>
/// The real program over a database of its own. Its GitLab takes connections and never answers: each accepted delivery becomes a release that
/// waits to be verified, as always, and the verifier waits for its first four and writes nothing meanwhile. A verification costs GitLab's time and ours
/// after the hook's answer; here the answer alone is measured. The log goes to a file, at its usual level.
/// </summary>
internal sealed class MeasuredBot : IAsyncDisposable
{
    public const string SigningToken = "whsec_cmVsZWFzZWJvdC1iZW5jaG1hcmstc2lnbmluZy1rZXk=";
    public const string SecretToken = "releasebot-benchmark-secret-token";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rb-bench-");
    private readonly TcpListener _silentGitLab = new(IPAddress.Loopback, 0);
    private readonly string _program;
    private ServerProcess? _process;

    private MeasuredBot(string program)
    {
        _program = Path.GetFullPath(program);
        _silentGitLab.Start(backlog: 64);
    }

    public Uri Hook { get; private set; } = null!;

    public string DatabasePath => Path.Combine(_folder.FullName, "releasebot.db");

    /// <summary>What it holds of the machine's memory, in MB.</summary>
    public double ResidentMegabytes => ResidentKilobytes(_process!.Id) / 1024.0;

    /// <summary>What its threads have used of the processors, their calls to the system with it.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            using var process = Process.GetProcessById(_process!.Id);
            return process.TotalProcessorTime;
        }
    }

    /// <summary>On SQLite, which serves both roles in one process; there is no engine, and nothing for it.</summary>
    public static Task<MeasuredBot> OnSqliteAsync(string program, CancellationToken cancellationToken) =>
        StartAsync(program, bot => bot.Settings(new JsonObject { ["ConnectionString"] = $"Data Source={bot.DatabasePath}" }, null), "web,worker", cancellationToken);

    public static Task<MeasuredBot> OnPostgresAsync(string program, string database, Uri rabbitMq, CancellationToken cancellationToken) =>
        StartAsync(program, bot => bot.Settings(Postgres(database), RabbitMq(rabbitMq)), "web", cancellationToken);

    /// <summary>Makes the tables of a database that no bot serves.</summary>
    public static async Task MigrateAsync(string program, string database, Uri rabbitMq, CancellationToken cancellationToken)
    {
        await using var bot = new MeasuredBot(program);
        await bot.MigrateAsync(await bot.WriteSettingsAsync(bot.Settings(Postgres(database), RabbitMq(rabbitMq)), cancellationToken), cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            if (!process.HasExited)
            {
                await process.KillTreeAsync();
            }

            process.Dispose();
        }

        _silentGitLab.Dispose();
        _folder.Delete(recursive: true);
    }

    private static async Task<MeasuredBot> StartAsync(string program, Func<MeasuredBot, JsonObject> settings, string roles, CancellationToken cancellationToken)
    {
        var bot = new MeasuredBot(program);
        try
        {
            var address = new Uri($"http://127.0.0.1:{Ports.Free()}");
            bot.Hook = new Uri(address, "/webhooks/gitlab");
            var json = settings(bot);
            json["Urls"] = address.GetLeftPart(UriPartial.Authority);
            var path = await bot.WriteSettingsAsync(json, cancellationToken);
            await bot.MigrateAsync(path, cancellationToken);
            // exec: the process is then the program itself, and a pipe's reader costs nothing.
            bot._process = ServerProcess.Start(
                "sh", ["-c", "exec dotnet \"$0\" serve --roles \"$1\" --config \"$2\" > log 2>&1", bot._program, roles, path],
                new Dictionary<string, string>(), bot._folder.FullName);
            await bot.WaitUntilReadyAsync(address, cancellationToken);
            return bot;
        }
        catch
        {
            await bot.DisposeAsync();
            throw;
        }
    }

    private async Task MigrateAsync(string settings, CancellationToken cancellationToken)
    {
        using var migration = ServerProcess.Start("dotnet", [_program, "migrate", "--config", settings], new Dictionary<string, string>(), _folder.FullName);
        await migration.WaitForExitAsync(cancellationToken).WaitAsync(StartLimit, TimeProvider.System, cancellationToken);
        if (migration.ExitCode != 0)
        {
            throw new InvalidOperationException($"migrate ended with {migration.ExitCode}:\n{migration.Output}");
        }
    }

    private async Task WaitUntilReadyAsync(Uri address, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (_process!.HasExited || TimeProvider.System.GetElapsedTime(started) > StartLimit)
            {
                throw new TimeoutException($"The bot did not get ready:\n{await File.ReadAllTextAsync(Path.Combine(_folder.FullName, "log"), cancellationToken)}");
            }

            try
            {
                using var response = await http.GetAsync(new Uri(address, "/healthz/ready"), cancellationToken);
                if (response.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Not yet.
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System, cancellationToken);
        }
    }

    private async Task<string> WriteSettingsAsync(JsonObject settings, CancellationToken cancellationToken)
    {
        var path = Path.Combine(_folder.FullName, "releasebot.json");
        await File.WriteAllTextAsync(path, settings.ToJsonString(), cancellationToken);
        return path;
    }

    private static JsonObject Postgres(string database) => new() { ["Provider"] = "Postgres", ["ConnectionString"] = database };

    private static JsonObject RabbitMq(Uri address) => new() { ["Transport"] = "RabbitMq", ["Uri"] = address.AbsoluteUri };

    private JsonObject Settings(JsonObject storage, JsonObject? bus) => new()
    {
        ["GitLab"] = new JsonObject
        {
            ["Url"] = $"http://127.0.0.1:{((IPEndPoint)_silentGitLab.LocalEndpoint).Port}",
            ["Token"] = "benchmark",
            ["Webhook"] = new JsonObject { ["SigningTokens"] = new JsonArray(SigningToken), ["Secrets"] = new JsonArray(SecretToken) },
        },
        ["Storage"] = storage,
        ["Bus"] = bus,
        ["Registries"] = new JsonObject { ["local"] = new JsonObject { ["Host"] = "localhost:5000", ["Insecure"] = true } },
        ["Projects"] = new JsonArray(new JsonObject
        {
            ["Path"] = "acme/**",
            ["Images"] = new JsonArray(new JsonObject { ["Registry"] = "local", ["Repository"] = "{project.path}", ["Tags"] = new JsonArray("{tag}") }),
        }),
        ["Engine"] = new JsonObject { ["Endpoint"] = $"unix://{_folder.FullName}/no-engine.sock" },
    };

    private static long ResidentKilobytes(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.AsSpan("VmRSS:".Length).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture);
    }
}
