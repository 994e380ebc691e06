namespace ReleaseBot.StandIns.Chat;

public enum ChatKind
{
    /// <summary>A Slack incoming webhook.</summary>
    Slack,
    /// <summary>A receiver of Standard Webhooks.</summary>
    Webhook,
}

/// <summary>A request as it arrived, and what it was answered.</summary>
/// <param name="Headers">By name, in any case; repeated ones joined by a comma.</param>
/// <param name="Status">The HTTP status of the answer; 0 where the stand-in hung and the sender went away.</param>
public sealed record ChatMessage(
    ChatKind Kind,
    IReadOnlyDictionary<string, string> Headers,
    string Body,
    DateTimeOffset At,
    int Status,
    string Answer);

/// <summary>What goes wrong with one request in place of a proper answer.</summary>
public abstract record ChatFault
{
    private ChatFault()
    {
    }

    /// <param name="RetryAfter">The header's value, seconds or a date.</param>
    /// <param name="Location">For a redirect.</param>
    public sealed record Status(int Code, string Body = "", string? RetryAfter = null, string? Location = null) : ChatFault;

    /// <summary>Reads the request and never answers.</summary>
    public sealed record Hang : ChatFault;

    /// <summary>Reads the request and cuts the connection.</summary>
    public sealed record Cut : ChatFault;
}
