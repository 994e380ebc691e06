using ReleaseBot.Engine;
using ReleaseBot.Web;

namespace ReleaseBot.Hosting;

/// <summary>Whether the Docker engine answers.</summary>
internal sealed class EngineProbe(DockerEngine engine, bool isEssential) : IReadinessProbe
{
    public string Name => "engine";

    public bool IsEssential => isEssential;

    public async Task<string?> CheckAsync(CancellationToken cancellationToken)
    {
        try
        {
            await engine.PingAsync(cancellationToken);
            return null;
        }
        catch (EngineException)
        {
            // Its words may name paths and addresses.
            return "The engine does not answer; check Engine:Endpoint, or run releasebot check.";
        }
    }
}
