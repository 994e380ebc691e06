using System.Globalization;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Publish;

/// <summary>
/// The engine of one job, as the docker:dind service starts it: with certificates of its own, and spoken to over TLS. It ends with the job, and is
/// deleted with the world (<see cref="PublishWorld.Own"/>).
/// </summary>
internal sealed class DindService : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly DirectoryInfo _folder;

    private DindService(DirectoryInfo folder, DockerDaemon engine, int port)
    {
        (_folder, Engine) = (folder, engine);
        Variables = new Dictionary<string, string>
        {
            ["DOCKER_HOST"] = string.Create(CultureInfo.InvariantCulture, $"tcp://127.0.0.1:{port}"),
            ["DOCKER_TLS_VERIFY"] = "1",
            ["DOCKER_CERT_PATH"] = Path.Combine(folder.FullName, "client"),
        };
    }

    public DockerDaemon Engine { get; }

    /// <summary>What a job's Docker client is told of it.</summary>
    public IReadOnlyDictionary<string, string> Variables { get; }

    /// <param name="script">Makes the certificates in its working folder.</param>
    public static async Task<DindService> StartAsync(string script, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("rb-bench-dind-");
        try
        {
            var (exitCode, output) = await ServerProcess.RunAsync("bash", [script], new Dictionary<string, string>(), folder.FullName, Limit, cancellationToken);
            if (exitCode != 0)
            {
                throw new InvalidOperationException($"{Path.GetFileName(script)} ended with {exitCode}:\n{output}");
            }

            var (server, port) = (Path.Combine(folder.FullName, "server"), Ports.Free());
            var engine = await DockerDaemon.StartAsync(new DockerDaemonOptions
            {
                Arguments =
                [
                    "-H", string.Create(CultureInfo.InvariantCulture, $"tcp://127.0.0.1:{port}"), "--tlsverify", "--tlscacert", $"{server}/ca.pem", "--tlscert", $"{server}/cert.pem",
                    "--tlskey", $"{server}/key.pem",
                ],
            });
            return new DindService(folder, engine, port);
        }
        catch
        {
            folder.Delete(recursive: true);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Engine.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
