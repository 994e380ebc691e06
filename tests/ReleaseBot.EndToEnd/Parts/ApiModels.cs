namespace ReleaseBot.EndToEnd.Parts;

// As the contract with clients has it, and not the service's own types: a rename there has to fail here.
internal sealed record ApiReason(string Code, string Message);

internal sealed record ApiImage(string Registry, string Reference, bool Floating, string Status, string? Digest, ApiReason? Reason);

internal sealed record ApiStage(string Name, string Status);

internal sealed record ApiProject(string Path);

internal sealed record ApiRef(string Kind, string Name, bool? Protected);

internal sealed record ApiTrigger(string Kind, string? User);

internal sealed record ApiRelease(
    Guid Id, ApiProject Project, ApiRef Ref, string? Commit, string? Version, ApiTrigger Trigger, string Status, ApiReason? Reason,
    IReadOnlyList<ApiImage> Images, int Attempt, IReadOnlyList<ApiStage> Stages)
{
    public bool HasEnded => Status is "published" or "rejected" or "failed" or "canceled" or "superseded";

    public bool IsIn(string stage) => Stages.Any(entry => entry.Name == stage && entry.Status == "running");

    public ApiImage Image(string registry, string tag) => Images.Single(image => image.Registry == registry && image.Reference.EndsWith(":" + tag, StringComparison.Ordinal));
}

internal sealed record ApiPage<T>(IReadOnlyList<T> Items, string? Next);

internal sealed record ApiMove(string? From, string? To, string? Version, string Verdict, string Reason, string By);

internal sealed record ApiWish(Guid Id, string Status, string? Outcome);

internal sealed record ApiDrift(DateTimeOffset Since, string? Digest);

internal sealed record ApiImageHistory(
    string Reference, string? Digest, string? RegistryDigest, ApiDrift? Drift, IReadOnlyList<ApiMove> Moves, IReadOnlyList<ApiWish> Wishes);
