using System.Text;
using System.Text.Json;

namespace ReleaseBot.Commands;

/// <summary>What the API answered, for another program: as it came, indented.</summary>
internal static class JsonText
{
    public static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);

    public static async Task PrintAsync(Action<Utf8JsonWriter> write, TextWriter output, CancellationToken cancellationToken)
    {
        using MemoryStream buffer = new();
        await using (Utf8JsonWriter writer = new(buffer, new JsonWriterOptions { Indented = true }))
        {
            write(writer);
        }

        await output.WriteLineAsync(Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length).AsMemory(), cancellationToken);
    }
}
