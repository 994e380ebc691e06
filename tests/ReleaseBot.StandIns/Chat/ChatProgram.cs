using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ReleaseBot.StandIns.Chat;

/// <summary>
/// The stand-in as a program: <c>chat --url http://127.0.0.1:PORT --out FILE</c>. It appends each request to the file as one line of JSON.
/// The path's secret comes from the environment variable CHAT_SECRET, the key of signed webhooks from CHAT_SIGNING_TOKEN.
/// </summary>
public static class ChatProgram
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Runs until SIGINT or SIGTERM. The exit code is 2 where the arguments or the environment are wrong.</summary>
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not ["--url", var url, "--out", var file] || !Uri.TryCreate(url, UriKind.Absolute, out var address))
        {
            await Console.Error.WriteLineAsync("usage: chat --url http://127.0.0.1:PORT --out FILE");
            return 2;
        }

        if (Environment.GetEnvironmentVariable("CHAT_SECRET") is not { Length: > 0 } secret)
        {
            await Console.Error.WriteLineAsync("CHAT_SECRET is not set.");
            return 2;
        }

        using var stop = new ManualResetEventSlim();
        using var interrupted = OnSignal(PosixSignal.SIGINT, stop);
        using var terminated = OnSignal(PosixSignal.SIGTERM, stop);
        var options = new ChatOptions { Address = address, PathSecret = secret, Received = message => Append(file, message) };
        if (Environment.GetEnvironmentVariable("CHAT_SIGNING_TOKEN") is { Length: > 0 } token)
        {
            options = options with { SigningToken = token };
        }

        await using var chat = await ChatStandIn.StartAsync(options, CancellationToken.None);
        Console.WriteLine($"Chat stand-in listens on {address.GetLeftPart(UriPartial.Authority)}.");
        stop.Wait();
        return 0;
    }

    private static PosixSignalRegistration OnSignal(
        PosixSignal signal, ManualResetEventSlim stop) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            stop.Set();
        });

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
        using var output = new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.Read);
        line.WriteTo(output);
    }
}
