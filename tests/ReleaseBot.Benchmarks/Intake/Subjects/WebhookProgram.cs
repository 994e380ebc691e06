using System.Text.Json.Nodes;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Intake.Subjects;

/// <summary>
/// adnanh/webhook as Debian has it, with a rule for GitLab's secret token that runs <c>/bin/true</c>. It keeps nothing: what it has answered is gone with its
/// process. By default it answers before the command runs, has commands to run for up to a minute after the last answer, and where more wait than the limit of
/// open files allows, drops them with "fork/exec /bin/true: too many open files" in its log, which it writes with <c>-verbose</c> alone. Told to answer with the command's output
/// (<c>include-command-output-in-response</c>), it answers when the command has run.
/// </summary>
internal sealed class WebhookProgram : IAsyncDisposable
{
    private const string Program = "/usr/bin/webhook";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan CommandsLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(2);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rb-bench-webhook-");
    private readonly int _port = Ports.Free();
    private ServerProcess? _process;

    private WebhookProgram()
    {
    }

    public Uri Hook => new($"http://127.0.0.1:{_port}/hooks/gitlab");

    /// <param name="answersFirst">As by default; otherwise the command's end is waited for.</param>
    public static async Task<WebhookProgram> StartAsync(bool answersFirst, CancellationToken cancellationToken)
    {
        if (!File.Exists(Program))
        {
            throw new InvalidOperationException($"There is no {Program} to compare with. Install it with: apt-get install --no-install-recommends webhook");
        }

        var webhook = new WebhookProgram();
        try
        {
            var hooks = Path.Combine(webhook._folder.FullName, "hooks.json");
            await File.WriteAllTextAsync(hooks, Rules(answersFirst).ToJsonString(), cancellationToken);
            webhook._process = ServerProcess.Start(
                Program, ["-hooks", hooks, "-ip", "127.0.0.1", "-port", $"{webhook._port}"], new Dictionary<string, string>(), webhook._folder.FullName);
            await Listening.WaitAsync(webhook._port, StartLimit, () => webhook._process.HasExited ? webhook._process.Output : null, cancellationToken);
            return webhook;
        }
        catch
        {
            await webhook.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until the last of its commands has run: before that, it would take the processors from whoever is measured next.</summary>
    public async Task WaitForCommandsAsync(CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        var (used, busy) = (-1L, TimeSpan.Zero);
        while (true)
        {
            var elapsed = TimeProvider.System.GetElapsedTime(started);
            var now = ProcessTimes.WithChildren(_process!.Id);
            if (now != used)
            {
                (used, busy) = (now, elapsed);
            }
            else if (elapsed - busy > Quiet)
            {
                return;
            }

            if (elapsed > CommandsLimit)
            {
                throw new TimeoutException($"webhook still runs commands {CommandsLimit} after its last answer.");
            }

            await Task.Delay(Poll, TimeProvider.System, cancellationToken);
        }
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

        _folder.Delete(recursive: true);
    }

    private static JsonArray Rules(bool answersFirst) => new(new JsonObject
    {
        ["id"] = "gitlab",
        ["execute-command"] = "/bin/true",
        ["include-command-output-in-response"] = !answersFirst,
        // It answers 200 where no rule matches, and would then be measured doing nothing.
        ["trigger-rule-mismatch-http-response-code"] = 403,
        ["trigger-rule"] = new JsonObject
        {
            ["match"] = new JsonObject
            {
                ["type"] = "value",
                ["value"] = MeasuredBot.SecretToken,
                ["parameter"] = new JsonObject { ["source"] = "header", ["name"] = "X-Gitlab-Token" },
            },
        },
    });
}
