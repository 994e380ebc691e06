using System.Text.Json.Serialization;

namespace ReleaseBot.GitLab;

internal sealed record ProjectJson(
    long Id, string PathWithNamespace, Uri WebUrl, Uri HttpUrlToRepo, string? DefaultBranch = null, DateTimeOffset? LastActivityAt = null);

internal sealed record CommitJson(string Id, DateTimeOffset? CommittedDate = null, DateTimeOffset? CreatedAt = null);

/// <summary>A tag or a branch; only a tag has a target, and only since GitLab 9.</summary>
internal sealed record RefJson(string Name, CommitJson Commit, bool Protected = false, string? Target = null);

/// <summary>A rule of protected tags: a name or a wildcard.</summary>
internal sealed record ProtectionJson(string Name);

internal sealed record UserJson(string Username);

internal sealed record TokenJson(IReadOnlyList<string>? Scopes = null, DateOnly? ExpiresAt = null);

internal sealed record ReleaseLinkJson(long Id, string Name, string Url);

internal sealed record ReleaseAssetsJson(IReadOnlyList<ReleaseLinkJson>? Links = null);

internal sealed record ReleaseJson(string? Description = null, ReleaseAssetsJson? Assets = null);

internal sealed record HookJson(long Id, string Url, string? AlertStatus = null, DateTimeOffset? DisabledUntil = null);

internal sealed record GroupJson(long Id, string FullPath);

internal sealed record EmptyJson;

internal sealed record NewStatusJson(string State, string Ref, string Name, string Description, string? TargetUrl);

internal sealed record NewLinkJson(string Name, string Url, string LinkType = "image");

internal sealed record NewAssetsJson(IReadOnlyList<NewLinkJson> Links);

internal sealed record NewReleaseJson(string TagName, string Name, string Description, NewAssetsJson Assets);

internal sealed record ReleaseDescriptionJson(string Description);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    MaxDepth = 64)]
[JsonSerializable(typeof(ProjectJson))]
[JsonSerializable(typeof(List<ProjectJson>))]
[JsonSerializable(typeof(RefJson))]
[JsonSerializable(typeof(List<RefJson>))]
[JsonSerializable(typeof(CommitJson))]
[JsonSerializable(typeof(List<ProtectionJson>))]
[JsonSerializable(typeof(UserJson))]
[JsonSerializable(typeof(TokenJson))]
[JsonSerializable(typeof(ReleaseJson))]
[JsonSerializable(typeof(List<HookJson>))]
[JsonSerializable(typeof(List<GroupJson>))]
[JsonSerializable(typeof(EmptyJson))]
[JsonSerializable(typeof(NewStatusJson))]
[JsonSerializable(typeof(NewLinkJson))]
[JsonSerializable(typeof(NewReleaseJson))]
[JsonSerializable(typeof(ReleaseDescriptionJson))]
internal sealed partial class GitLabJson : JsonSerializerContext;
