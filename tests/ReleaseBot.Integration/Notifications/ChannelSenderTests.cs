using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Core;
using ReleaseBot.Notifications;
using ReleaseBot.StandIns.Chat;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Notifications;

public sealed class ChannelSenderTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 4, 15, 6, 7, TimeSpan.Zero));
    private readonly RecordingLogger _logger = new();
    private ChatStandIn _chat = null!;
    private ChannelSender _sender = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private ChannelSettings Slack => new() { Name = "team", Kind = ChannelKind.Slack, Url = new Secret(_chat.SlackUrl.AbsoluteUri) };

    private ChannelSettings Webhook => new()
    {
        Name = "hook",
        Kind = ChannelKind.Webhook,
        Url = new Secret(_chat.WebhookUrl.AbsoluteUri),
        SigningToken = new Secret(_chat.SigningToken),
    };

    public async ValueTask InitializeAsync()
    {
        _chat = await ChatStandIn.StartAsync(new ChatOptions { Time = _time }, Token);
        _sender = new ChannelSender(_time, _logger);
    }

    public async ValueTask DisposeAsync()
    {
        _sender.Dispose();
        await _chat.DisposeAsync();
    }

    [Theory]
    [InlineData(Outcome.Published)]
    [InlineData(Outcome.Failed)]
    [InlineData(Outcome.Rejected)]
    [InlineData(Outcome.Recovered)]
    public async Task Slack_Takes_Each_Outcome(Outcome outcome)
    {
        var report = await _sender.SendAsync(Slack, News() with { Outcome = outcome, Reason = new Reason(ReasonCode.BuildFailed, "No.") }, "m1", Token);

        report.ShouldBe(new DeliveryReport.Delivered());
        _chat.Taken.Single().Answer.ShouldBe("ok");
    }

    [Fact]
    public async Task A_Webhook_Is_Signed_And_Keeps_Its_Id_And_Body_Over_Retries()
    {
        _chat.Script(new ChatFault.Status(500));
        var news = News();

        (await _sender.SendAsync(Webhook, news, "m-42", Token)).ShouldBeOfType<DeliveryReport.Retry>();
        _time.Advance(TimeSpan.FromHours(1));
        (await _sender.SendAsync(Webhook, news, "m-42", Token)).ShouldBeOfType<DeliveryReport.Delivered>();

        var (first, second) = (_chat.Requests[0], _chat.Requests[1]);
        second.Status.ShouldBe(204);
        second.Headers["webhook-id"].ShouldBe("m-42");
        second.Headers["webhook-id"].ShouldBe(first.Headers["webhook-id"]);
        second.Headers["webhook-timestamp"].ShouldNotBe(first.Headers["webhook-timestamp"]);
        second.Body.ShouldBe(first.Body);
        using var body = JsonDocument.Parse(second.Body);
        body.RootElement.GetProperty("type").GetString().ShouldBe("release.published");
    }

    [Fact]
    public async Task A_Webhook_Signed_With_Another_Key_Is_Refused_And_Dead()
    {
        var other = Webhook with { SigningToken = new Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") };

        var report = await _sender.SendAsync(other, News(), "m1", Token);

        report.ShouldBe(new DeliveryReport.Dead("It answered 401: webhook-signature does not match."));
    }

    [Fact]
    public async Task A_Webhook_Without_A_Token_Carries_No_Signature()
    {
        await _sender.SendAsync(Webhook with { SigningToken = null }, News(), "m1", Token);

        _chat.Requests.Single().Headers.Keys.ShouldNotContain("webhook-signature");
    }

    [Theory]
    [InlineData(408, null)]
    [InlineData(429, "30")]
    [InlineData(500, null)]
    [InlineData(502, null)]
    [InlineData(503, "Wed, 04 Mar 2026 15:06:37 GMT")]
    [InlineData(599, null)]
    public async Task What_May_Pass_Is_To_Be_Retried_When_The_Channel_Asks(int status, string? retryAfter)
    {
        _chat.Script(new ChatFault.Status(status, "busy", retryAfter));

        var report = await _sender.SendAsync(Slack, News(), "m1", Token);

        report.ShouldBe(new DeliveryReport.Retry($"It answered {status}: busy.", retryAfter is null ? null : TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task A_Date_To_Retry_After_That_Has_Passed_Means_Now()
    {
        _chat.Script(new ChatFault.Status(429, "", "Wed, 04 Mar 2026 15:00:00 GMT"));

        var report = await _sender.SendAsync(Slack, News(), "m1", Token);

        report.ShouldBe(new DeliveryReport.Retry("It answered 429.", TimeSpan.Zero));
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(410)]
    public async Task What_Will_Not_Pass_Is_Dead_With_The_Channels_Words(int status)
    {
        _chat.Script(new ChatFault.Status(status, $"no: {_chat.SlackUrl} {new string('x', 5000)}"));

        var report = (await _sender.SendAsync(Slack, News(), "m1", Token)).ShouldBeOfType<DeliveryReport.Dead>();

        report.Why.ShouldStartWith($"It answered {status}: no: *** xxx");
        report.Why.Length.ShouldBeLessThan(240);
    }

    [Fact]
    public async Task A_Hook_That_Slack_No_Longer_Knows_Is_Dead()
    {
        var gone = Slack with { Url = new Secret(_chat.SlackUrl.AbsoluteUri + "0") };

        (await _sender.SendAsync(gone, News(), "m1", Token)).ShouldBe(new DeliveryReport.Dead("It answered 404: no_service."));
    }

    [Fact]
    public async Task A_Redirect_Is_Not_Followed()
    {
        _chat.Script(new ChatFault.Status((int)HttpStatusCode.TemporaryRedirect, Location: _chat.WebhookUrl.AbsoluteUri));

        (await _sender.SendAsync(Webhook, News(), "m1", Token)).ShouldBeOfType<DeliveryReport.Dead>().Why.ShouldContain("redirect");

        _chat.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_Channel_That_Does_Not_Answer_Is_Left_After_Ten_Seconds()
    {
        _chat.Script(new ChatFault.Hang());

        var sending = _sender.SendAsync(Slack, News(), "m1", Token);
        await _chat.WaitUntilHangingAsync(Token);
        _time.Advance(TimeSpan.FromSeconds(9.9));
        sending.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(0.2));

        (await sending).ShouldBe(new DeliveryReport.Retry("No answer within 10 s.", null));
    }

    [Fact]
    public async Task A_Shutdown_Is_A_Cancellation_And_No_Verdict_On_The_Channel()
    {
        _chat.Script(new ChatFault.Hang());
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(Token);

        var sending = _sender.SendAsync(Slack, News(), "m1", stopping.Token);
        await _chat.WaitUntilHangingAsync(Token);
        await stopping.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(sending);
        _logger.Lines.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_Connection_That_Breaks_Or_Is_Refused_Is_To_Be_Retried_Without_Naming_The_Host()
    {
        _chat.Script(new ChatFault.Cut());
        var cut = await _sender.SendAsync(Slack, News(), "m1", Token);
        var refused = await _sender.SendAsync(Slack with { Url = new Secret("http://127.0.0.1:1/services/secret-path") }, News(), "m1", Token);
        var unknown = await _sender.SendAsync(Slack with { Url = new Secret("http://no-such-host.invalid/services/secret-path") }, News(), "m1", Token);

        cut.ShouldBeOfType<DeliveryReport.Retry>();
        refused.ShouldBe(new DeliveryReport.Retry("No connection could be made.", null));
        unknown.ShouldBe(new DeliveryReport.Retry("Its host name could not be resolved.", null));
        _logger.ShouldHide("127.0.0.1", "no-such-host", "secret-path");
    }

    [Theory]
    [InlineData("ftp://chat.example/x")]
    [InlineData("not an address")]
    public async Task An_Address_Of_Another_Form_Is_Dead_And_Not_Repeated(string url)
    {
        var report = await _sender.SendAsync(Slack with { Url = new Secret(url) }, News(), "m1", Token);

        report.ShouldBe(new DeliveryReport.Dead("The channel's Url is not an http or https address."));
    }

    [Fact]
    public async Task A_Signing_Token_Of_Another_Form_Is_Dead_And_Not_Repeated()
    {
        var report = await _sender.SendAsync(Webhook with { SigningToken = new Secret("hunter2") }, News(), "m1", Token);

        report.ShouldBeOfType<DeliveryReport.Dead>().Why.ShouldNotContain("hunter2");
        _chat.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Whatever_Happens_The_Log_Knows_Neither_Address_Nor_Token()
    {
        foreach (var status in new[] { 200, 302, 400, 429, 500 })
        {
            _chat.Script(new ChatFault.Status(status, $"{_chat.WebhookUrl} {_chat.SigningToken}"));
            await _sender.SendAsync(Webhook, News(), "m1", Token);
        }

        _logger.Lines.Count.ShouldBe(5);
        _logger.ShouldHide(_chat.WebhookUrl.Authority, _chat.WebhookUrl.Segments[^1], _chat.SigningToken);
    }

    private static ReleaseNews News() => new()
    {
        Outcome = Outcome.Published,
        ReleaseId = Guid.Parse("01990b5e-7c3a-7d10-8a55-0c9a6f1e2d3b"),
        ProjectPath = "acme/shop",
        Ref = "v1.2.3",
        RefKind = RefKind.Tag,
        Images = [new NewsImage("registry.example/acme/shop:v1.2.3", Digest.Of([1]), false, "pushed")],
        At = new DateTimeOffset(2026, 3, 4, 15, 6, 7, TimeSpan.Zero),
    };

    private sealed class RecordingLogger : ILogger<ChannelSender>
    {
        public List<string> Lines { get; } = [];

        public void ShouldHide(params string[] secrets)
        {
            foreach (var secret in secrets)
            {
                Lines.ShouldAllBe(line => !line.Contains(secret, StringComparison.OrdinalIgnoreCase));
            }
        }

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add($"{formatter(state, exception)} {exception}");
    }
}
