using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.Logging;
using ReleaseBot.Core;

namespace ReleaseBot.Notifications;

/// <summary>Tells one channel of one release, once. Retries belong to the outbox that calls it, with <see cref="NotificationBackoff"/>.</summary>
public sealed partial class ChannelSender : IDisposable
{
    /// <summary>How long a channel may take to answer.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private static readonly ProductInfoHeaderValue Product =
        new("ReleaseBot", typeof(ChannelSender).Assembly.GetName().Version?.ToString(3));

    private readonly HttpMessageInvoker _http;
    private readonly TimeProvider _time;
    private readonly ILogger<ChannelSender> _logger;

    // No IHttpClientFactory: its loggers, and the activities of HttpClient, show the address, which is the credential.
    public ChannelSender(TimeProvider time, ILogger<ChannelSender> logger)
        : this(CreateHandler(), time, logger)
    {
    }

    internal ChannelSender(HttpMessageHandler handler, TimeProvider time, ILogger<ChannelSender> logger)
    {
        _http = new HttpMessageInvoker(handler);
        _time = time;
        _logger = logger;
    }

    /// <summary>
    /// Posts the news. Network faults, timeouts and refusals are reports, not exceptions; only a cancellation of
    /// <paramref name="cancellationToken"/> is thrown.
    /// </summary>
    /// <param name="messageId">The same at every attempt, so that a receiver can drop what it has seen.</param>
    public async Task<DeliveryReport> SendAsync(ChannelSettings channel, ReleaseNews news, string messageId, CancellationToken cancellationToken)
    {
        var report = await AttemptAsync(channel, news, messageId, cancellationToken);
        switch (report)
        {
            case DeliveryReport.Retry retry:
                Log.NotTold(_logger, channel.Name, news.Outcome, news.ReleaseId, retry.Why);
                break;
            case DeliveryReport.Dead dead:
                Log.Dead(_logger, channel.Name, news.Outcome, news.ReleaseId, dead.Why);
                break;
            default:
                Log.Told(_logger, channel.Name, news.Outcome, news.ReleaseId);
                break;
        }

        return report;
    }

    public void Dispose() => _http.Dispose();

    private static SocketsHttpHandler CreateHandler() => new()
    {
        // A redirect would carry the message, and of a signed one the signature, to somebody who was not configured.
        AllowAutoRedirect = false,
        UseCookies = false,
        ActivityHeadersPropagator = null,
        ConnectTimeout = Timeout,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    };

    private async Task<DeliveryReport> AttemptAsync(ChannelSettings channel, ReleaseNews news, string messageId, CancellationToken cancellationToken)
    {
        if (!TryCreateRequest(channel, news, messageId, out var request, out var fault))
        {
            return new DeliveryReport.Dead(fault);
        }

        using var timeout = new CancellationTokenSource(Timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        try
        {
            using (request)
            {
                using var response = await _http.SendAsync(request, either.Token);
                return response.IsSuccessStatusCode
                    ? new DeliveryReport.Delivered()
                    : await JudgeAsync(response, channel, either.Token);
            }
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return new DeliveryReport.Retry($"No answer within {Timeout.TotalSeconds} s.", null);
        }
        catch (HttpRequestException exception)
        {
            // The exception's own words name the host, which is part of the address.
            return new DeliveryReport.Retry(Describe(exception.HttpRequestError), null);
        }
        catch (IOException)
        {
            return new DeliveryReport.Retry("The connection broke off.", null);
        }
    }

    private bool TryCreateRequest(ChannelSettings channel, ReleaseNews news, string messageId, out HttpRequestMessage request, out string fault)
    {
        request = new HttpRequestMessage(HttpMethod.Post, (Uri?)null);
        fault = "The channel's Url is not an http or https address.";
        if (!Uri.TryCreate(channel.Url.Reveal(), UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
        {
            return false;
        }

        var body = channel.Kind switch
        {
            ChannelKind.Slack => SlackMessage.For(news),
            ChannelKind.Webhook => WebhookMessage.For(news),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
        request.RequestUri = address;
        request.Headers.UserAgent.Add(Product);
        request.Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json", "utf-8") } };
        if (channel.Kind == ChannelKind.Webhook && !TryAddWebhookHeaders(request.Headers, channel, messageId, body))
        {
            fault = "The channel's SigningToken is not whsec_ and the base64 of 24 to 64 bytes.";
            return false;
        }

        return true;
    }

    private bool TryAddWebhookHeaders(HttpRequestHeaders headers, ChannelSettings channel, string messageId, byte[] body)
    {
        var timestamp = _time.GetUtcNow().ToUnixTimeSeconds();
        headers.Add("webhook-id", messageId);
        headers.Add("webhook-timestamp", timestamp.ToString(CultureInfo.InvariantCulture));
        if (channel.SigningToken is not { } token)
        {
            return true;
        }

        if (!WebhookSignature.TrySign(token, messageId, timestamp, body, out var signature))
        {
            return false;
        }

        headers.Add("webhook-signature", signature);
        return true;
    }

    private async Task<DeliveryReport> JudgeAsync(HttpResponseMessage response, ChannelSettings channel, CancellationToken cancellationToken)
    {
        var words = await ReadAsync(response, channel, cancellationToken);
        var status = (int)response.StatusCode;
        var why = $"It answered {status}{(words.Length > 0 ? ": " + words : "")}.";
        if (status is >= 300 and < 400)
        {
            return new DeliveryReport.Dead($"It answered {status}, a redirect; redirects are not followed. Configure the address it leads to.");
        }

        return response.StatusCode is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || status >= 500
            ? new DeliveryReport.Retry(why, RetryAfter(response.Headers.RetryAfter))
            : new DeliveryReport.Dead(why);
    }

    private static async Task<string> ReadAsync(HttpResponseMessage response, ChannelSettings channel, CancellationToken cancellationToken)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var bytes = new byte[ChannelWords.MaxBytes + 1];
        var read = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellationToken);
        var wasCut = read > ChannelWords.MaxBytes;
        return ChannelWords.Clean(Encoding.UTF8.GetString(bytes, 0, Math.Min(read, ChannelWords.MaxBytes)), wasCut, channel);
    }

    private TimeSpan? RetryAfter(RetryConditionHeaderValue? header)
    {
        var after = header?.Delta ?? header?.Date - _time.GetUtcNow();
        return after < TimeSpan.Zero ? TimeSpan.Zero : after;
    }

    private static string Describe(HttpRequestError error) => error switch
    {
        HttpRequestError.NameResolutionError => "Its host name could not be resolved.",
        HttpRequestError.ConnectionError => "No connection could be made.",
        HttpRequestError.SecureConnectionError => "No secure connection could be made; check its certificate.",
        HttpRequestError.ProxyTunnelError => "The proxy made no connection.",
        HttpRequestError.ResponseEnded => "The connection broke off before the answer.",
        _ => "It could not be reached, or its answer not be understood.",
    };

    private static partial class Log
    {
        [LoggerMessage(EventId = 1, Level = LogLevel.Information, Message = "Told channel {Channel} that release {ReleaseId} is {Outcome}.")]
        public static partial void Told(ILogger logger, string channel, Outcome outcome, Guid releaseId);

        [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "Channel {Channel} could not be told that release {ReleaseId} is {Outcome}. {Why}")]
        public static partial void NotTold(ILogger logger, string channel, Outcome outcome, Guid releaseId, string why);

        [LoggerMessage(EventId = 3, Level = LogLevel.Error, Message = "Channel {Channel} refused to be told that release {ReleaseId} is {Outcome}, which a repetition will not change. {Why}")]
        public static partial void Dead(ILogger logger, string channel, Outcome outcome, Guid releaseId, string why);
    }
}
