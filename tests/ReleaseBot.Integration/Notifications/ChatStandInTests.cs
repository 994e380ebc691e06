using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using ReleaseBot.StandIns.Chat;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Notifications;

/// <summary>The stand-in proves something only as far as it is strict.</summary>
public sealed class ChatStandInTests : IAsyncLifetime
{
    private readonly HttpClient _http = new();
    private ChatStandIn _chat = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _chat = await ChatStandIn.StartAsync(new ChatOptions(), Token);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _chat.DisposeAsync();
    }

    [Theory]
    [InlineData("{\"text\":\"hello\"}", "ok")]
    [InlineData("not json", "invalid_payload")]
    [InlineData("[]", "invalid_payload")]
    [InlineData("{}", "no_text")]
    [InlineData("{\"text\":\"\"}", "no_text")]
    [InlineData("{\"text\":\"x\",\"blocks\":[]}", "invalid_blocks")]
    [InlineData("{\"text\":\"x\",\"blocks\":[{\"type\":\"marquee\"}]}", "invalid_blocks")]
    [InlineData("{\"text\":\"x\",\"blocks\":[{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"\"}}]}", "invalid_blocks")]
    [InlineData("{\"text\":\"x\",\"blocks\":[{\"type\":\"header\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"x\"}}]}", "invalid_blocks")]
    [InlineData("{\"text\":\"x\",\"blocks\":[{\"type\":\"section\",\"text\":{\"type\":\"mrkdwn\",\"text\":\"x\",\"emoji\":true}}]}", "invalid_blocks")]
    public async Task Slack_Answers_In_Its_Own_Words(string body, string answer)
    {
        using var response = await PostAsync(_chat.SlackUrl, body);

        (await response.Content.ReadAsStringAsync(Token)).ShouldBe(answer);
        response.StatusCode.ShouldBe(answer == "ok" ? HttpStatusCode.OK : HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData(50, 3000, HttpStatusCode.OK)]
    [InlineData(51, 3000, HttpStatusCode.BadRequest)]
    [InlineData(50, 3001, HttpStatusCode.BadRequest)]
    public async Task Slack_Has_Limits(int blocks, int length, HttpStatusCode status)
    {
        var block = $$$"""{"type":"section","text":{"type":"mrkdwn","text":"{{{new string('x', length)}}}"}}""";

        using var response = await PostAsync(_chat.SlackUrl, $$"""{"text":"x","blocks":[{{string.Join(',', Enumerable.Repeat(block, blocks))}}]}""");

        response.StatusCode.ShouldBe(status);
    }

    [Fact]
    public async Task A_Webhook_Without_A_Signature_Is_Refused()
    {
        using var response = await PostAsync(_chat.WebhookUrl, "{}");

        response.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task The_Program_Appends_Each_Request_As_One_Line_Of_Json()
    {
        var folder = Directory.CreateTempSubdirectory("chat-");
        try
        {
            var (output, secret) = (Path.Combine(folder.FullName, "out.jsonl"), Path.Combine(folder.FullName, "secret"));
            await File.WriteAllTextAsync(secret, "c0ffee\n", Token);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
            await using var console = new FirstLine();
            var program = ChatProgram.RunAsync(["--url", "http://127.0.0.1:0", "--out", output, "--secret-file", secret], console, stop.Token);

            var ready = await console.Line.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token);
            ready.ShouldStartWith("READY chat http://127.0.0.1:");
            ready.ShouldNotContain("c0ffee");
            var hook = new Uri(new Uri(ready.Split(' ')[2]), "/services/T00000000/B00000000/c0ffee");
            using var taken = await PostAsync(hook, "{\"text\":\"line\\nbreak\"}");
            using var refused = await PostAsync(hook, "{}");
            await stop.CancelAsync();

            (await program).ShouldBe(0);
            var lines = (await File.ReadAllLinesAsync(output, Token)).Select(line => JsonDocument.Parse(line).RootElement).ToList();
            lines.Select(line => line.GetProperty("answer").GetString()).ShouldBe(["ok", "no_text"]);
            lines[0].GetProperty("body").GetString().ShouldBe("{\"text\":\"line\\nbreak\"}");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("--url", "http://127.0.0.1:0")]
    [InlineData("--out")]
    [InlineData("--url", "http://127.0.0.1:0", "--out", "x", "--secret", "hunter2")]
    public async Task The_Program_Refuses_Wrong_Arguments(params string[] args) =>
        await Should.ThrowAsync<ArgumentException>(() => ChatProgram.RunAsync(args, TextWriter.Null, Token));

    private async Task<HttpResponseMessage> PostAsync(Uri address, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        return await _http.PostAsync(address, content, Token);
    }

    private sealed class FirstLine : StringWriter
    {
        private readonly TaskCompletionSource<string> _line = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<string> Line => _line.Task;

        public override Task WriteLineAsync(string? value)
        {
            _line.TrySetResult(value ?? "");
            return Task.CompletedTask;
        }
    }
}
