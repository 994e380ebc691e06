using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace ReleaseBot.StandIns.Chat;

/// <summary>How a stand-in is set up; what is left out is made up at random.</summary>
public sealed record ChatOptions
{
    /// <summary>Where to listen; port 0 takes a free one.</summary>
    public Uri Address { get; init; } = new("http://127.0.0.1:0");

    /// <summary>The last segment of both hooks' paths, as in Slack's addresses.</summary>
    public string PathSecret { get; init; } = RandomNumberGenerator.GetHexString(24, lowercase: true);

    /// <summary><c>whsec_</c> and base64.</summary>
    public string SigningToken { get; init; } = "whsec_" + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Called with each request once its answer is known, one at a time.</summary>
    public Action<ChatMessage>? Received { get; init; }
}

/// <summary>
/// Receives what Slack and signed webhooks receive, over HTTP, and refuses what they would refuse. Keeps every request as it arrived;
/// faults can be scripted, each for one request.
/// </summary>
public sealed class ChatStandIn : IAsyncDisposable
{
    private const int MaxBody = 1_000_000;

    private readonly WebApplication _app;
    private readonly ChatOptions _options;
    private readonly ConcurrentQueue<ChatFault> _faults = new();
    private readonly List<ChatMessage> _messages = [];
    private readonly SemaphoreSlim _hanging = new(0);
    private readonly CancellationTokenSource _stopping = new();
    private TaskCompletionSource _changed = NewSignal();

    private ChatStandIn(WebApplication app, ChatOptions options)
    {
        _app = app;
        _options = options;
    }

    public Uri SlackUrl => new(Address, $"/services/T00000000/B00000000/{_options.PathSecret}");

    public Uri WebhookUrl => new(Address, $"/hooks/{_options.PathSecret}");

    public string SigningToken => _options.SigningToken;

    /// <summary>Every request so far, refused ones too, in the order of their answers.</summary>
    public IReadOnlyList<ChatMessage> Requests
    {
        get
        {
            lock (_messages)
            {
                return [.. _messages];
            }
        }
    }

    /// <summary>The requests that were taken.</summary>
    public IReadOnlyList<ChatMessage> Taken => [.. Requests.Where(message => message.Status is >= 200 and < 300)];

    private Uri Address => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    public static async Task<ChatStandIn> StartAsync(ChatOptions options, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Parse(options.Address.Host), options.Address.Port);
            kestrel.Limits.MaxRequestBodySize = MaxBody;
        });

        var app = builder.Build();
        var chat = new ChatStandIn(app, options);
        app.MapPost("/services/T00000000/B00000000/{secret}", (string secret, HttpContext context) => chat.ReceiveAsync(ChatKind.Slack, secret, context));
        app.MapPost("/hooks/{secret}", (string secret, HttpContext context) => chat.ReceiveAsync(ChatKind.Webhook, secret, context));
        await app.StartAsync(cancellationToken);
        return chat;
    }

    /// <summary>The next request that no earlier fault is meant for meets this one.</summary>
    public void Script(ChatFault fault) => _faults.Enqueue(fault);

    /// <summary>Ends when a request hangs, by a <see cref="ChatFault.Hang"/>.</summary>
    public Task WaitUntilHangingAsync(CancellationToken cancellationToken) => _hanging.WaitAsync(cancellationToken);

    /// <summary>Waits for a request that was taken; a <see cref="TimeoutException"/> tells what came instead.</summary>
    public async Task<ChatMessage> WaitForAsync(Func<ChatMessage, bool> wanted, TimeSpan limit, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(limit, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        while (true)
        {
            var changed = Volatile.Read(ref _changed).Task;
            if (Taken.FirstOrDefault(wanted) is { } message)
            {
                return message;
            }

            try
            {
                await changed.WaitAsync(either.Token);
            }
            catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                var seen = string.Join('\n', Requests.Select(request => $"{request.Status} {request.Answer}: {request.Body}"));
                throw new TimeoutException($"No such message within {limit}. Requests so far:\n{seen}");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _app.DisposeAsync();
        _stopping.Dispose();
        _hanging.Dispose();
    }

    private async Task ReceiveAsync(ChatKind kind, string secret, HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var headers = context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        var (status, answer) = await AnswerAsync(kind, secret, headers, body.ToArray(), context);

        // Before the answer: whoever has it may look for the message at once.
        Record(new ChatMessage(kind, headers, Encoding.UTF8.GetString(body.ToArray()), _options.Time.GetUtcNow(), status, answer));
        if (status != 0)
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = "text/plain; charset=utf-8";
            await context.Response.WriteAsync(answer, context.RequestAborted);
        }
    }

    private async Task<(int Status, string Answer)> AnswerAsync(
        ChatKind kind, string secret, IReadOnlyDictionary<string, string> headers, byte[] body, HttpContext context)
    {
        switch (_faults.TryDequeue(out var fault) ? fault : null)
        {
            case ChatFault.Status scripted:
                context.Response.Headers.RetryAfter = scripted.RetryAfter;
                context.Response.Headers.Location = scripted.Location;
                return (scripted.Code, scripted.Body);
            case ChatFault.Hang:
                await HangAsync(context);
                return (0, "");
            case ChatFault.Cut:
                context.Abort();
                return (0, "");
        }

        if (secret != _options.PathSecret)
        {
            return kind == ChatKind.Slack ? (404, "no_service") : (404, "no such hook");
        }

        if (kind == ChatKind.Slack)
        {
            return SlackRules.Refusal(context.Request.ContentType, body) is { } word ? (400, word) : (200, "ok");
        }

        return WebhookRules.Refusal(headers, body, _options.SigningToken, _options.Time.GetUtcNow()) ?? (204, "");
    }

    private async Task HangAsync(HttpContext context)
    {
        _hanging.Release();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _stopping.Token);
        var gone = NewSignal();
        await using var registration = either.Token.Register(gone.SetResult);
        await gone.Task;
        context.Abort();
    }

    private void Record(ChatMessage message)
    {
        TaskCompletionSource changed;
        lock (_messages)
        {
            _messages.Add(message);
            _options.Received?.Invoke(message);
            changed = Interlocked.Exchange(ref _changed, NewSignal());
        }

        changed.SetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
