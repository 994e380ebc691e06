using System.Text.Encodings.Web;
using System.Text.Json;

namespace ReleaseBot.StandIns.Chat;

/// <summary>The chat stand-in as a program, for a demo. It appends each request, as it arrived, to a file as one line of JSON. Secrets come in files, one each.</summary>
public static class ChatProgram
{
    public const string Usage = """
        chat --url URL --out FILE [--secret-file FILE] [--signing-token-file FILE]
        """;

    private static readonly string[] Names = ["--url", "--out", "--secret-file", "--signing-token-file"];
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Runs until it is cancelled. Wrong arguments are an <see cref="ArgumentException"/>.</summary>
    /// <param name="output">Gets the line that begins with READY once the stand-in listens.</param>
    public static async Task<int> RunAsync(string[] args, TextWriter output, CancellationToken cancellationToken)
    {
        var given = Parse(args);
        if (!given.TryGetValue("--out", out var file) || !given.TryGetValue("--url", out var url) || !Uri.TryCreate(url, UriKind.Absolute, out var address))
        {
            throw new ArgumentException($"--url and --out are needed: {Usage}");
        }

        var options = new ChatOptions { Address = address, Received = message => Append(file, message) };
        if (given.TryGetValue("--secret-file", out var secret))
        {
            options = options with { PathSecret = await ReadAsync(secret, cancellationToken) };
        }

        if (given.TryGetValue("--signing-token-file", out var token))
        {
            options = options with { SigningToken = await ReadAsync(token, cancellationToken) };
        }

        await using var chat = await ChatStandIn.StartAsync(options, cancellationToken);

        // The hooks' paths hold a secret: they are shown only where it was made up here and nobody could know it otherwise.
        await output.WriteLineAsync(given.ContainsKey("--secret-file")
            ? $"READY chat {chat.SlackUrl.GetLeftPart(UriPartial.Authority)}"
            : $"READY chat {chat.SlackUrl} {chat.WebhookUrl}");
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return 0;
    }

    private static Dictionary<string, string> Parse(string[] args) =>
        args.Length % 2 == 0 && args.Where((_, index) => index % 2 == 0).All(Names.Contains)
            ? args.Chunk(2).ToDictionary(pair => pair[0], pair => pair[1])
            : throw new ArgumentException($"Options come in pairs, and are: {Usage}");

    private static async Task<string> ReadAsync(string file, CancellationToken cancellationToken) =>
        (await File.ReadAllTextAsync(file, cancellationToken)).Trim();

    private static void Append(string file, ChatMessage message)
    {
        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line, Options))
        {
            json.WriteStartObject();
            json.WriteString("at", message.At);
            json.WriteString("kind", message.Kind == ChatKind.Slack ? "slack" : "webhook");
            json.WriteNumber("status", message.Status);
            json.WriteString("answer", message.Answer);
            json.WriteString("body", message.Body);
            json.WriteEndObject();
        }

        line.WriteByte((byte)'\n');
        using var output = new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        line.WriteTo(output);
    }
}
