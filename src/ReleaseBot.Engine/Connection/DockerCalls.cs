using System.Text.Json;
using Docker.DotNet;

namespace ReleaseBot.Engine.Connection;

/// <summary>Docker.DotNet over our own connection, each call within a limit and with our exceptions.</summary>
internal sealed class DockerCalls(EngineClient engine, Uri address) : IDisposable
{
    private readonly DockerClient _docker = DockerClients.Create(engine, address);

    /// <exception cref="EngineRefusedException">The engine answered 400 or above.</exception>
    /// <exception cref="EngineUnavailableException">No answer came within the limit.</exception>
    public async Task<T> CallAsync<T>(TimeSpan limit, Func<IDockerClient, CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await engine.LimitAsync(limit, token => call(_docker, token), cancellationToken);
        }
        catch (DockerApiException fault)
        {
            throw new EngineRefusedException((int)fault.StatusCode, Message(fault), fault);
        }
        catch (Exception fault) when (EngineClient.IsConnectionFault(fault) || fault is JsonException)
        {
            throw engine.Unavailable(fault);
        }
    }

    public void Dispose() => _docker.Dispose();

    private static string Message(DockerApiException fault)
    {
        try
        {
            using var document = JsonDocument.Parse(fault.ResponseBody ?? "");
            return document.RootElement.Text("message") ?? fault.Message;
        }
        catch (JsonException)
        {
            return fault.Message;
        }
    }
}
