namespace ReleaseBot.Web;

/// <summary>A request by HEAD, which reaches its route as GET: nobody waits for a body.</summary>
internal sealed record HeadersOnly;
