using System.ComponentModel;
using System.Text.Json.Serialization;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

internal sealed record ReasonJson(
    [property: Description("Stable, in kebab case, e.g. ref-not-protected.")] string Code,
    [property: Description("For people: what happened and what to do about it.")] string Message)
{
    public static ReasonJson? Of(Reason? reason) => reason is null ? null : new ReasonJson(reason.Code.ToText(), reason.Message);

    public static ReasonJson? Of(ReasonCode? code, string? message) => code is { } known ? new ReasonJson(known.ToText(), message ?? "") : null;
}

/// <summary>What a webhook, or a replay, is answered.</summary>
internal sealed record DeliveryAnswer(
    Guid DeliveryId,
    [property: Description("accepted, ignored or duplicate.")] string Outcome,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ReasonJson? Reason,
    IReadOnlyList<Guid> Releases);

internal sealed record PageJson<T>(
    IReadOnlyList<T> Items,
    [property: Description("The cursor of the next page; null on the last.")] string? Next);

internal sealed record ProjectJson(long Id, string Path, string? Url);

internal sealed record RefJson(
    [property: Description("tag or branch.")] string Kind,
    string Name,
    [property: Description("What GitLab said of its protection; null until it was asked.")] bool? Protected);

internal sealed record TriggerJson([property: Description("webhook, reconcile or manual.")] string Kind, Guid? DeliveryId, string? User);

internal sealed record ImageStatusJson(
    [property: Description("The registry's name in the configuration.")] string Registry,
    string Reference,
    bool Floating,
    [property: Description("pending, pushed, kept or failed.")] string Status,
    string? Digest,
    DateTimeOffset? FinishedAt,
    ReasonJson? Reason);

internal sealed record StageJson(
    [property: Description("verify, queue, source, build, push, tags or notify.")] string Name,
    [property: Description("running, done, failed, canceled or skipped.")] string Status,
    DateTimeOffset StartedAt,
    DateTimeOffset? FinishedAt);

internal sealed record LinksJson(string Self, string Log, string Page);

/// <summary>A release as the API shows it.</summary>
internal sealed record ReleaseJson(
    Guid Id,
    ProjectJson Project,
    RefJson Ref,
    [property: Description("Null until GitLab named it.")] string? Commit,
    string? Version,
    TriggerJson Trigger,
    [property: Description("verifying, queued, building, pushing, published, rejected, failed, canceled or superseded.")] string Status,
    ReasonJson? Reason,
    IReadOnlyList<ImageStatusJson> Images,
    int Attempt,
    DateTimeOffset CreatedAt,
    DateTimeOffset? StartedAt,
    DateTimeOffset? FinishedAt,
    [property: Description("Of the present attempt, in the order in which they run.")] IReadOnlyList<StageJson> Stages,
    LinksJson Links,
    [property: Description("Set where an operator took the version out of the reckoning.")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] RetractionJson? Retracted)
{
    public static ReleaseJson Of(Release release) => new(
        release.Id,
        new ProjectJson(release.ProjectId, release.ProjectPath, release.ProjectUrl),
        new RefJson(release.RefKind.ToText(), release.RefName, release.IsProtected),
        release.Commit,
        release.Version,
        new TriggerJson(release.TriggerKind.ToText(), release.DeliveryId, release.TriggerUser),
        release.Status.ToText(),
        ReasonJson.Of(release.Reason),
        [.. release.Images.OrderBy(image => image.Ordinal).Select(Of)],
        release.Attempt,
        release.CreatedAt,
        release.StartedAt,
        release.FinishedAt,
        [.. PresentStages(release).Select(stage => new StageJson(stage.Name.ToText(), stage.Status.ToText(), stage.StartedAt, stage.FinishedAt))],
        new LinksJson($"/api/v1/releases/{release.Id}", $"/api/v1/releases/{release.Id}/log", $"/releases/{release.Id}"),
        release.RetractedAt is { } at ? new RetractionJson(at, release.RetractedBy ?? "", release.RetractedReason ?? "") : null);

    public static IEnumerable<ReleaseStage> PresentStages(Release release) =>
        release.Stages.Where(stage => stage.Attempt == release.Attempt).OrderBy(stage => stage.Name);

    private static ImageStatusJson Of(ReleaseImage image) => new(
        image.Registry, image.Reference, image.Kind == ImageTagKind.Floating, image.Status.ToText(), image.Digest, image.FinishedAt,
        ReasonJson.Of(image.ReasonCode, image.ReasonMessage));
}
