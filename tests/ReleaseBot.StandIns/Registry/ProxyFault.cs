namespace ReleaseBot.StandIns.Registry;

/// <summary>What came to the proxy.</summary>
/// <param name="Path">Without the query.</param>
/// <param name="Query">With its question mark, or empty.</param>
/// <param name="Authorization">The whole header, or null.</param>
public sealed record ProxiedRequest(string Method, string Path, string Query, string? Authorization, string Host)
{
    public bool Is(string method, string pathPart) => Method == method && Path.Contains(pathPart, StringComparison.Ordinal);
}

/// <summary>An answer of the target on its way back, to be changed.</summary>
public sealed class ProxiedAnswer(int status, IDictionary<string, string> headers, byte[] body)
{
    public int Status { get; set; } = status;

    /// <summary>Names in any case. Content-Length follows from the body.</summary>
    public IDictionary<string, string> Headers { get; } = headers;

    public byte[] Body { get; set; } = body;
}

/// <summary>What the proxy does to a request instead of passing it on faithfully.</summary>
public abstract record ProxyFault
{
    private ProxyFault()
    {
    }

    /// <summary>Answers in the target's place, after it has read so many bytes of the request's body.</summary>
    public sealed record Answer(int Status, string Body = "", long AfterBytes = 0) : ProxyFault
    {
        public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();
    }

    /// <summary>Cuts the connection after it has read so many bytes of the request's body.</summary>
    public sealed record Cut(long AfterBytes = 0) : ProxyFault;

    /// <summary>Passes the request on and cuts the connection after so many bytes of the answer's body.</summary>
    public sealed record CutAnswer(long AfterBytes) : ProxyFault;

    /// <summary>Passes the request on, then sends so many bytes of the answer's body and no more, until the client gives up.</summary>
    public sealed record StallAnswer(long AfterBytes) : ProxyFault;

    /// <summary>Never answers.</summary>
    public sealed record Silence : ProxyFault;

    /// <summary>Passes the request on once the task has ended: it was on its way for that long.</summary>
    public sealed record Hold(Task Until) : ProxyFault;

    /// <summary>Passes the request on and changes the answer.</summary>
    public sealed record Change(Action<ProxiedRequest, ProxiedAnswer> How) : ProxyFault;
}
