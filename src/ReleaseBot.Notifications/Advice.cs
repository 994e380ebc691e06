using ReleaseBot.Core;

namespace ReleaseBot.Notifications;

/// <summary>What to do about a release that was not published, in one sentence.</summary>
internal static class Advice
{
    /// <summary>Null for reasons that call for nothing.</summary>
    public static string? For(ReasonCode code) => code switch
    {
        ReasonCode.RefNotProtected =>
            "Protect it in GitLab (Settings, Repository, Protected tags or branches), then retry the release.",
        ReasonCode.RefGone or ReasonCode.RefDeleted => "If it was deleted by mistake, push it again.",
        ReasonCode.RefMoved => "Nothing, if the move was meant: the new commit is a release of its own. Otherwise find out who moved it.",
        ReasonCode.VersionExists =>
            "Publish the change under a new version, or set Overwrite to Allow for this project if versions may be replaced.",
        ReasonCode.TagTaken or ReasonCode.RepositoryTaken =>
            "Choose another name in the project's rule, or have an operator hand it over.",
        ReasonCode.TagInvalid or ReasonCode.RepositoryInvalid or ReasonCode.RefInvalid or ReasonCode.NothingToPublish =>
            "Correct the tag's name, or the templates in the project's rule.",
        ReasonCode.ProjectMismatch or ReasonCode.NoMatchingProject or ReasonCode.RefNotMatched =>
            "Check the rules in the configuration; the plan endpoint tells what would be published.",
        ReasonCode.DockerfileMissing => "Add the Dockerfile, or correct Context and Dockerfile in the project's rule, and push a new tag.",
        ReasonCode.BuildFailed => "Read the log, correct the build and push a new tag.",
        ReasonCode.BuildTimeout => "Read the log for the slow step; retry it, or raise the rule's Timeout.",
        ReasonCode.PushDenied => "Check the registry's credentials and their right to push there, then retry the release.",
        ReasonCode.PushFailed or ReasonCode.RegistryUnavailable => "When the registry is well again, retry the release.",
        ReasonCode.EngineFull => "Give the Docker engine more disk, or lower Engine:CacheBudget, then retry the release.",
        ReasonCode.EngineUnavailable => "Check the Docker engine, then retry the release.",
        ReasonCode.SourceUnavailable or ReasonCode.GitlabUnavailable => "When GitLab is well again, retry the release.",
        ReasonCode.GitlabDenied => "Check the GitLab token's scopes and the project's members, then retry the release.",
        ReasonCode.InternalError => "Retry the release; if it happens again, report it with the log.",
        ReasonCode.EventNotSupported or ReasonCode.PayloadIncomplete or ReasonCode.Canceled or ReasonCode.Superseded
            or ReasonCode.AlreadyAccepted or ReasonCode.NotNewest => null,
        _ => null,
    };
}
