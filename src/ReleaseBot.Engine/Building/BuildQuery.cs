using System.Text;
using System.Text.Json;

namespace ReleaseBot.Engine.Building;

/// <summary>The query of <c>POST /build</c> (moby/moby api/server/router/build/build_routes.go).</summary>
internal static class BuildQuery
{
    /// <param name="isSynced">The builder asks the session for the context; else it is the request's body.</param>
    public static string BuildKit(BuildRequest request, string sessionId, bool isSynced)
    {
        var query = Common(request).With("version", "2").With("session", sessionId).With("buildid", request.BuildId).With("platform", request.Platform);
        return (isSynced ? query.With("remote", "client-session") : query).ToString();
    }

    public static string Classic(BuildRequest request) => Common(request).With("version", "1").With("rm", "1").ToString();

    private static Query Common(BuildRequest request)
    {
        var query = new Query("build")
            .With("t", request.LocalTag)
            .With("dockerfile", request.Dockerfile)
            // A base is always asked of its registry: one pulled for somebody else is not ours to use.
            .With("pull", "1")
            // Or the containers of failed steps stay behind.
            .With("forcerm", "1");
        if (request.Target is { } target)
        {
            query.With("target", target);
        }

        if (request.BuildArgs.Count > 0)
        {
            query.With("buildargs", JsonSerializer.Serialize(request.BuildArgs));
        }

        if (request.Labels.Count > 0)
        {
            query.With("labels", JsonSerializer.Serialize(request.Labels));
        }

        return query;
    }

    private sealed class Query(string path)
    {
        private readonly StringBuilder _text = new(path);
        private char _separator = '?';

        public Query With(string name, string value)
        {
            _text.Append(_separator).Append(name).Append('=').Append(Uri.EscapeDataString(value));
            _separator = '&';
            return this;
        }

        public override string ToString() => _text.ToString();
    }
}
