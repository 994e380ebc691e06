using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace ReleaseBot.StandIns.GitLab.Hooks;

/// <summary>Sends hooks as GitLab does: once, with 10 s for the answer, and no retry; a redirect is followed by nobody.</summary>
internal sealed class HookSender(GitLabStandInOptions options, Uri instance, Func<StandInHook, HookHealth?> healthOf) : IAsyncDisposable
{
    private const int MaxAnswerLength = 8 * 1024;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = options.HookTimeout };
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _lock = new();
    private readonly List<Task> _sending = [];
    private readonly List<StandInDelivery> _deliveries = [];

    /// <summary>Those that have ended, in the order in which they did.</summary>
    public IReadOnlyList<StandInDelivery> Deliveries
    {
        get
        {
            lock (_lock)
            {
                return [.. _deliveries];
            }
        }
    }

    /// <summary>Sends in the background, as GitLab's Sidekiq does.</summary>
    public void Fire(StandInProject project, RefChange change, string user, StandInHook hook, TimeSpan delay)
    {
        lock (_lock)
        {
            _sending.RemoveAll(task => task.IsCompleted);
            _sending.Add(Task.Run(async () =>
            {
                if (delay > TimeSpan.Zero)
                {
                    await Task.Delay(delay, TimeProvider.System, _stopping.Token);
                }

                var body = await HookPayloads.BuildAsync(project, change, user, hook.Scope, _stopping.Token);
                var kind = hook.Scope == HookScope.System ? "System Hook" : change.IsTag ? "Tag Push Hook" : "Push Hook";
                await SendAsync(hook, Guid.CreateVersion7().ToString(), kind, project.Path, change.Ref, body);
            }));
        }
    }

    /// <summary>Sends a body, recorded with its answer.</summary>
    public async Task<StandInDelivery> SendAsync(StandInHook hook, string id, string kind, string project, string fullRef, ReadOnlyMemory<byte> body)
    {
        var now = TimeProvider.System.GetUtcNow();
        var headers = Headers(hook, id, kind, now, body.Span);
        var delivery = new StandInDelivery
        {
            Id = id,
            HookId = hook.Id,
            Event = kind,
            Project = project,
            Ref = fullRef,
            Headers = headers,
            Body = body,
            SentAt = now,
        };
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, hook.Url) { Content = new ReadOnlyMemoryContent(body) };
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            foreach (var (name, value) in headers)
            {
                request.Headers.TryAddWithoutValidation(name, value);
            }

            using var response = await _http.SendAsync(request, _stopping.Token);
            var answer = await response.Content.ReadAsStringAsync(_stopping.Token);
            delivery = delivery with { Status = (int)response.StatusCode, Answer = answer[..Math.Min(answer.Length, MaxAnswerLength)] };
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            delivery = delivery with { Error = e.Message };
        }

        delivery = delivery with { Took = TimeProvider.System.GetUtcNow() - now };
        healthOf(hook)?.Record(delivery.Status is >= 200 and < 300);
        lock (_lock)
        {
            _deliveries.Add(delivery);
        }

        return delivery;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        Task[] sending;
        lock (_lock)
        {
            sending = [.. _sending];
        }

        await Task.WhenAll(sending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _http.Dispose();
        _stopping.Dispose();
    }

    private Dictionary<string, string> Headers(StandInHook hook, string id, string kind, DateTimeOffset now, ReadOnlySpan<byte> body)
    {
        var headers = new Dictionary<string, string>
        {
            ["User-Agent"] = $"GitLab/{options.Version}",
            ["X-Gitlab-Event"] = kind,
            ["X-Gitlab-Event-UUID"] = Guid.CreateVersion7().ToString(),
            ["X-Gitlab-Webhook-UUID"] = Guid.CreateVersion7().ToString(),
            ["X-Gitlab-Instance"] = instance.AbsoluteUri.TrimEnd('/'),
        };
        if (options.Version >= new Version(17, 4))
        {
            headers["Idempotency-Key"] = id;
        }

        if (options.Version.Major >= 19)
        {
            var timestamp = now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            headers["webhook-id"] = id;
            headers["webhook-timestamp"] = timestamp;
            if (hook.SigningToken is { } signingToken)
            {
                headers["webhook-signature"] = $"v1,{Convert.ToBase64String(Sign(signingToken, id, timestamp, body))}";
            }
        }

        if (hook.Token is { } token)
        {
            headers["X-Gitlab-Token"] = token.ReplaceLineEndings("");
        }

        return headers;
    }

    private static byte[] Sign(string signingToken, string id, string timestamp, ReadOnlySpan<byte> body)
    {
        var key = Convert.FromBase64String(signingToken["whsec_".Length..].Trim());
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body];
        return HMACSHA256.HashData(key, signed);
    }
}
