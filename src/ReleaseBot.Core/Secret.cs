namespace ReleaseBot.Core;

/// <summary>A credential. It shows itself as <c>***</c> wherever it is printed, logged or serialised; only <see cref="Reveal"/> gives it away.</summary>
[System.Text.Json.Serialization.JsonConverter(typeof(SecretJsonConverter))]
public sealed class Secret(string value) : IEquatable<Secret>
{
    private readonly string _value = value ?? throw new ArgumentNullException(nameof(value));

    /// <summary>The value, to be handed to whoever it is meant for and to nobody else.</summary>
    public string Reveal() => _value;

    public bool Equals(Secret? other) => other is not null && string.Equals(_value, other._value, StringComparison.Ordinal);

    public override bool Equals(object? obj) => Equals(obj as Secret);

    public override int GetHashCode() => _value.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => "***";
}

internal sealed class SecretJsonConverter : System.Text.Json.Serialization.JsonConverter<Secret>
{
    public override Secret Read(ref System.Text.Json.Utf8JsonReader reader, Type typeToConvert, System.Text.Json.JsonSerializerOptions options) =>
        throw new NotSupportedException("A secret comes from configuration, never from JSON.");

    public override void Write(System.Text.Json.Utf8JsonWriter writer, Secret value, System.Text.Json.JsonSerializerOptions options) =>
        writer.WriteStringValue(value.ToString());
}
