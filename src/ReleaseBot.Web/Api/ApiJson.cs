using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;

namespace ReleaseBot.Web;

/// <summary>How the API's types look in JSON: camelCase, times in RFC 3339, nothing made up by reflection.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, Converters = [typeof(UtcJsonConverter)])]
[JsonSerializable(typeof(DeliveryAnswer))]
[JsonSerializable(typeof(ReleaseJson))]
[JsonSerializable(typeof(PageJson<ReleaseJson>))]
[JsonSerializable(typeof(DeliveryJson))]
[JsonSerializable(typeof(DeliveryDetailJson))]
[JsonSerializable(typeof(PageJson<DeliveryJson>))]
[JsonSerializable(typeof(PublishRequest))]
[JsonSerializable(typeof(PlanRequest))]
[JsonSerializable(typeof(PlanJson))]
[JsonSerializable(typeof(ReplayPlanJson))]
[JsonSerializable(typeof(ImageJson))]
[JsonSerializable(typeof(MoveRequest))]
[JsonSerializable(typeof(RetractRequest))]
[JsonSerializable(typeof(RetractTagRequest))]
[JsonSerializable(typeof(HandOverRequest))]
[JsonSerializable(typeof(TagWishJson))]
[JsonSerializable(typeof(RetractedJson))]
[JsonSerializable(typeof(HandedOverJson))]
[JsonSerializable(typeof(QueueJson))]
[JsonSerializable(typeof(RoundJson))]
[JsonSerializable(typeof(ReconcileJson))]
[JsonSerializable(typeof(WorkerRequest))]
[JsonSerializable(typeof(ReadinessJson))]
[JsonSerializable(typeof(LivenessJson))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(ProblemDetails))]
internal sealed partial class ApiJson : JsonSerializerContext;

/// <summary>Times as <c>2026-01-31T12:00:00.123456Z</c>: always UTC, always with a Z.</summary>
internal sealed class UtcJsonConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) => writer.WriteStringValue(value.UtcDateTime);
}
