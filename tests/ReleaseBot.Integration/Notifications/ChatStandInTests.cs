using System.Net;
using System.Net.Http.Headers;
using System.Text;
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
    public async Task The_Program_Refuses_Wrong_Arguments()
    {
        (await ChatProgram.RunAsync(["--url", "http://127.0.0.1:0"])).ShouldBe(2);
    }

    private async Task<HttpResponseMessage> PostAsync(Uri address, string body)
    {
        using var content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        return await _http.PostAsync(address, content, Token);
    }
}
