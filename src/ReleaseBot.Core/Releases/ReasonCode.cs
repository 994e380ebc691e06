namespace ReleaseBot.Core;

/// <summary>Why something did not happen. In the API and the history a code is its name in kebab case, e.g. <c>ref-not-protected</c>; the names are stable.</summary>
public enum ReasonCode
{
    NoMatchingProject,
    RefNotMatched,
    RefDeleted,
    RefInvalid,
    EventNotSupported,
    PayloadIncomplete,
    RefNotProtected,
    RefGone,
    RefMoved,
    ProjectMismatch,
    NothingToPublish,
    VersionExists,
    TagTaken,
    RepositoryTaken,
    TagInvalid,
    RepositoryInvalid,
    DockerfileMissing,
    BuildFailed,
    BuildTimeout,
    PushDenied,
    PushFailed,
    RegistryUnavailable,
    EngineUnavailable,
    EngineFull,
    SourceUnavailable,
    GitlabUnavailable,
    GitlabDenied,
    Canceled,
    Superseded,
    AlreadyAccepted,
    NotNewest,
    PreRelease,
    NoVersion,
    Retracted,
    InternalError,
}

/// <summary>A reason code and a sentence for people: what happened, and what to do about it. The sentence never holds a secret.</summary>
public sealed record Reason(ReasonCode Code, string Message)
{
    public override string ToString() => $"{Code.ToText()}: {Message}";
}
