using System.Text.Json;
using System.Text.Json.Serialization;
using ReleaseBot.Core;

namespace ReleaseBot.Notifications;

/// <summary>
/// What a channel is told of a release: a snapshot taken when its outcome was committed, kept as JSON in an outbox row,
/// so that a message delivered hours later still tells what happened then. It holds no secret.
/// </summary>
public sealed record ReleaseNews
{
    public required Outcome Outcome { get; init; }
    public required Guid ReleaseId { get; init; }

    /// <summary>GitLab's path_with_namespace, e.g. <c>acme/shop</c>.</summary>
    public required string ProjectPath { get; init; }

    /// <summary>The project's page in GitLab; names are links where it is known.</summary>
    public Uri? ProjectUrl { get; init; }

    /// <summary>The ref's short name, e.g. <c>v1.2.3</c>.</summary>
    public required string Ref { get; init; }
    public required RefKind RefKind { get; init; }

    /// <summary>SemVer without the leading v, e.g. <c>1.2.3</c>; null for a ref that has none.</summary>
    public string? Version { get; init; }

    /// <summary>The commit's full name, 40 or 64 hex digits.</summary>
    public string? Commit { get; init; }

    /// <summary>Who pushed the ref or asked for the release, by user name.</summary>
    public string? User { get; init; }
    public Reason? Reason { get; init; }

    /// <summary>Set where not an outcome is told but that a registry says something else since the release was published: what was found.</summary>
    public string? Drift { get; init; }
    public IReadOnlyList<NewsImage> Images { get; init; } = [];

    /// <summary>From the release's start to its end.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>The release's page on the dashboard.</summary>
    public Uri? Page { get; init; }

    /// <summary>When the outcome was committed.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The form of the outbox row.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, NewsJson.Default.ReleaseNews);

    /// <summary>Reads what <see cref="ToJson"/> wrote; a <see cref="JsonException"/> tells of anything else.</summary>
    public static ReleaseNews FromJson(string json) =>
        JsonSerializer.Deserialize(json, NewsJson.Default.ReleaseNews) ?? throw new JsonException("The row holds no release news.");
}

/// <summary>One image tag of a release.</summary>
/// <param name="Reference">e.g. <c>registry.example/acme/shop:v1.2.3</c>.</param>
/// <param name="Status">The API's word, e.g. <c>pushed</c>.</param>
public sealed record NewsImage(
    string Reference,
    [property: JsonConverter(typeof(DigestJsonConverter))] Digest? Digest,
    bool Floating,
    string Status);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ReleaseNews))]
internal sealed partial class NewsJson : JsonSerializerContext;

internal sealed class DigestJsonConverter : JsonConverter<Digest>
{
    public override Digest? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Digest.TryParse(reader.GetString(), out var digest) ? digest : throw new JsonException("Not a digest.");

    public override void Write(Utf8JsonWriter writer, Digest value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);
}
