using Google.Protobuf;
using Grpc.Core;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using ReleaseBot.Engine.Session.Protocol;

namespace ReleaseBot.Engine.Session;

/// <summary>Engines up to 20.10 ask every second and drop the session at the first failure (moby/buildkit session/grpc.go).</summary>
internal sealed class HealthService : Health.HealthBase
{
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        Task.FromResult(new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.Serving });
}

/// <summary>Credentials for the bases of this build, and of no other. An empty answer means anonymous.</summary>
internal sealed class AuthService : Auth.AuthBase
{
    public override Task<CredentialsResponse> Credentials(CredentialsRequest request, ServerCallContext context) =>
        Task.FromResult(context.Session().CredentialFor(request.Host) is { } credential
            ? new CredentialsResponse { Username = credential.Username, Secret = credential.Password.Reveal() }
            : new CredentialsResponse());
}

/// <summary>What <c>RUN --mount=type=secret</c> mounts.</summary>
internal sealed class SecretsService : Secrets.SecretsBase
{
    public override Task<GetSecretResponse> GetSecret(GetSecretRequest request, ServerCallContext context) =>
        context.Session().SecretNamed(request.ID) is { } secret
            ? Task.FromResult(new GetSecretResponse { Data = ByteString.CopyFromUtf8(secret.Reveal()) })
            : throw new RpcException(new Status(StatusCode.NotFound, $"secret {request.ID} not found"));
}

/// <summary>The context, for a build that asks for it file by file.</summary>
internal sealed class FileSyncService : FileSync.FileSyncBase
{
    public override Task DiffCopy(IAsyncStreamReader<Packet> requestStream, IServerStreamWriter<Packet> responseStream, ServerCallContext context)
    {
        var directory = context.RequestHeaders.GetValue("dir-name") ?? "";
        var paths = (context.RequestHeaders.GetValue("followpaths") ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return context.Session().Context?.Open(directory, paths) is { } sync
            ? sync.RunAsync(requestStream, responseStream, context.CancellationToken)
            : throw new RpcException(new Status(StatusCode.NotFound, $"no access allowed to dir \"{directory}\""));
    }
}

internal static class SessionCalls
{
    /// <summary>The build whose connection a call came by.</summary>
    public static BuildSession Session(this ServerCallContext context) =>
        context.GetHttpContext().Features.GetRequiredFeature<IConnectionItemsFeature>().Items[typeof(BuildSession)] as BuildSession
            ?? throw new InvalidOperationException("A call came by a connection without a build.");
}
