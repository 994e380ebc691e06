using System.Text.Json.Nodes;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Intake.Subjects;

/// <summary>
/// adnanh/webhook as Debian has it, with a rule for GitLab's secret token that runs <c>/bin/true</c>. It answers before the command runs
/// and keeps nothing: what it has answered is gone with its process.
/// </summary>
internal sealed class WebhookProgram : IAsyncDisposable
{
    private const string Program = "/usr/bin/webhook";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rb-bench-webhook-");
    private readonly int _port = Ports.Free();
    private ServerProcess? _process;

    private WebhookProgram()
    {
    }

    public Uri Hook => new($"http://127.0.0.1:{_port}/hooks/gitlab");

    public static async Task<WebhookProgram> StartAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(Program))
        {
            throw new InvalidOperationException($"There is no {Program} to compare with. Install it with: apt-get install --no-install-recommends webhook");
        }

        var webhook = new WebhookProgram();
        try
        {
            var hooks = Path.Combine(webhook._folder.FullName, "hooks.json");
            await File.WriteAllTextAsync(hooks, Rules().ToJsonString(), cancellationToken);
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

    private static JsonArray Rules() => new(new JsonObject
    {
        ["id"] = "gitlab",
        ["execute-command"] = "/bin/true",
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
