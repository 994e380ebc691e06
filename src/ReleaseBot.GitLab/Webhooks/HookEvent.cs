using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <summary>What a webhook's body says. Nothing in it is verified yet: a hook's owner can write the body with a template of their own.</summary>
public abstract record HookEvent
{
    private HookEvent()
    {
    }

    /// <summary>A tag or a branch was made, moved or deleted.</summary>
    public sealed record RefUpdated : HookEvent
    {
        public required RefKind RefKind { get; init; }

        /// <summary>As it was sent, e.g. <c>refs/tags/v1.2.3</c>, but printable and at most 512 characters: for people and for logs.</summary>
        public required string FullRef { get; init; }

        /// <summary>Null where git would not allow such a name.</summary>
        public required GitRef? Ref { get; init; }

        /// <summary>Zero for a new ref.</summary>
        public required ObjectId Before { get; init; }

        /// <summary>The ref's new target: a commit, or the object of an annotated tag. Zero for a deleted ref.</summary>
        public required ObjectId After { get; init; }

        public required long ProjectId { get; init; }

        /// <summary>path_with_namespace, e.g. <c>acme/shop</c>.</summary>
        public required string ProjectPath { get; init; }

        /// <summary>The project's page, for a link; http or https.</summary>
        public Uri? ProjectUrl { get; init; }

        /// <summary>What the body says of the protection. A hint: GitLab before 15 does not send it, a template can make it up.</summary>
        public bool? RefProtectedHint { get; init; }

        /// <summary>The commit that the ref named when GitLab built the body; null when it had gone or moved by then.</summary>
        public ObjectId? CheckoutSha { get; init; }

        /// <summary>The user's name in GitLab; at most 255 printable characters.</summary>
        public string? User { get; init; }

        public bool IsDeleted => After.IsZero;
    }

    /// <summary>An event that is none of ours, e.g. <c>merge_request</c>.</summary>
    public sealed record Unsupported(string Event) : HookEvent;

    /// <summary>A push without what is needed to act on it, as a custom webhook template can leave it.</summary>
    /// <param name="Fault">What is wrong with the body, e.g. <c>lacks after, which should be 40 or 64 hex digits</c>.</param>
    public sealed record Incomplete(string Fault) : HookEvent;
}

/// <summary>The body is no JSON object, or a field that is needed has a wrong type. The message is for the caller and holds nothing of the body.</summary>
public sealed class HookFormatException : Exception
{
    public HookFormatException()
    {
    }

    public HookFormatException(string message)
        : base(message)
    {
    }

    public HookFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
