using System.Text.Json;

namespace ReleaseBot.Engine.Connection;

/// <summary>Reads the engine's JSON messages, whose members change type with the kind of message: <c>aux</c> is a string in one and an object in the next.</summary>
internal static class EngineMessages
{
    public static string? Text(this JsonElement message, string name) =>
        message.ValueKind == JsonValueKind.Object && message.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    /// <summary>The error inside a 200, if this message is one.</summary>
    public static string? Error(this JsonElement message)
    {
        if (message.Text("error") is { Length: > 0 } error)
        {
            return error;
        }

        return message.ValueKind == JsonValueKind.Object && message.TryGetProperty("errorDetail", out var detail) ? detail.Text("message") : null;
    }

    /// <summary>A text within <c>aux</c>, e.g. the <c>Digest</c> of a push.</summary>
    public static string? Aux(this JsonElement message, string name) =>
        message.ValueKind == JsonValueKind.Object && message.TryGetProperty("aux", out var aux) ? aux.Text(name) : null;
}
