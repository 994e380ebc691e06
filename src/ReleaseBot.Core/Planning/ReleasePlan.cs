namespace ReleaseBot.Core;

/// <summary>One tag of one repository that a release is to publish.</summary>
/// <param name="Registry">Key of the registry in the configuration.</param>
/// <param name="Scope">Of a floating tag, else null.</param>
public sealed record PlannedImage(string Registry, ImageRef Image, ImageTagKind Kind, FloatingScope? Scope);

/// <summary>A tag entry that this ref has no value for, and why.</summary>
public sealed record SkippedTag(string Registry, string Template, string Why);

/// <summary>What a release of a ref publishes. The order of images is the rule's.</summary>
public sealed record ReleasePlan(
    SemanticVersion? Version,
    IReadOnlyList<PlannedImage> Images,
    IReadOnlyList<SkippedTag> Skipped,
    IReadOnlyDictionary<string, string> BuildArgs);

public abstract record PlanResult
{
    private PlanResult()
    {
    }

    public sealed record Planned(ReleasePlan Plan) : PlanResult;

    public sealed record Refused(Reason Reason) : PlanResult;
}

/// <summary>What a hook said happened to a ref. Nothing of it is trusted beyond "look there".</summary>
public sealed record RefEvent(string ProjectPath, GitRef Ref, bool IsDeleted);

public abstract record HookDecision
{
    private HookDecision()
    {
    }

    public sealed record Accept(ProjectRule Rule) : HookDecision;

    public sealed record Ignore(Reason Reason) : HookDecision;
}

/// <summary>What GitLab itself says of a ref.</summary>
public sealed record VerifiedRef(ObjectId Target, ObjectId Commit, DateTimeOffset CommittedAt, bool IsProtected);
