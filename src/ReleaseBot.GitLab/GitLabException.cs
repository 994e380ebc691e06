namespace ReleaseBot.GitLab;

/// <summary>Why GitLab could not be had something from.</summary>
public enum GitLabFault
{
    /// <summary>Network, timeout, 408, 429 or 5xx: worth another try, after <see cref="GitLabException.RetryAfter"/> where it is known.</summary>
    Unavailable,

    /// <summary>The archive's own limit, 5 a minute for each project and user on GitLab.com. The source can still be fetched by git.</summary>
    RateLimitedArchive,

    /// <summary>401 or 403: the token is missing, wrong, out of date, or lacks a scope or a role.</summary>
    Denied,

    /// <summary>What was asked for is not there, where it should be.</summary>
    NotFound,

    /// <summary>An answer that makes no sense, e.g. a page where JSON should be: often another server than GitLab, or a refusal of what was sent.</summary>
    Unexpected,
}

/// <summary>GitLab or its git server could not do what was asked. The message is for people, says what to do, and never holds a credential.</summary>
public sealed class GitLabException : Exception
{
    public GitLabException()
    {
    }

    public GitLabException(string message)
        : base(message)
    {
    }

    public GitLabException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    public GitLabException(GitLabFault fault, string message, TimeSpan? retryAfter = null, Exception? innerException = null)
        : base(message, innerException)
    {
        Fault = fault;
        RetryAfter = retryAfter;
    }

    public GitLabFault Fault { get; } = GitLabFault.Unexpected;

    /// <summary>How long GitLab asks to wait, an hour at the most.</summary>
    public TimeSpan? RetryAfter { get; }

    /// <summary>GitLab limits how often we may ask (429).</summary>
    public bool IsRateLimited { get; init; }

    /// <summary>May go away by itself.</summary>
    public bool IsTransient => Fault is GitLabFault.Unavailable or GitLabFault.RateLimitedArchive;
}
