using System.Net;
using System.Net.Http.Headers;
using System.Net.Mime;
using System.Text.Json;
using ReleaseBot.Core;

namespace ReleaseBot.Commands.Client;

/// <summary>Asks a running server's REST API. Every fault is an <see cref="ApiException"/>.</summary>
internal sealed class ApiClient(HttpClient http) : IDisposable
{
    public const string EventStream = "text/event-stream";

    private const string NoTokenConfigured = "urn:releasebot:no-token-configured";
    private const long LargestAnswer = 16 * 1024 * 1024;

    public static ApiClient Create(Uri server, Secret? token)
    {
        // A redirect would ask another server than the one that was named.
        SocketsHttpHandler handler = new() { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(10), AutomaticDecompression = DecompressionMethods.All };
        HttpClient http = new(handler)
        {
            BaseAddress = new Uri(server.AbsoluteUri.TrimEnd('/') + "/"),
            Timeout = TimeSpan.FromSeconds(30),
            MaxResponseContentBufferSize = LargestAnswer,
        };
        http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("releasebot", null));
        if (token is not null)
        {
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.Reveal());
        }

        return new ApiClient(http);
    }

    public Uri Server => http.BaseAddress!;

    public void Dispose() => http.Dispose();

    public Task<ApiRelease> PublishAsync(string project, string gitRef, CancellationToken cancellationToken) =>
        ReadAsync<ApiRelease>(Post("api/v1/releases", new { project, @ref = gitRef }), cancellationToken);

    /// <param name="commit">For a ref that does not exist yet; null to ask for one that does.</param>
    public Task<JsonElement> PlanAsync(string project, string gitRef, string? commit, CancellationToken cancellationToken) =>
        ReadAsync<JsonElement>(Post("api/v1/plan", commit is null ? new { project, @ref = gitRef } : new { project, @ref = gitRef, assume = new { commit } }), cancellationToken);

    public Task<ApiWish> MoveAsync(string reference, string to, string reason, CancellationToken cancellationToken) =>
        ReadAsync<ApiWish>(Post("api/v1/images/move", new { reference, to, reason }), cancellationToken);

    public Task<ApiRetracted> RetractReleaseAsync(Guid release, string reason, CancellationToken cancellationToken) =>
        ReadAsync<ApiRetracted>(Post($"api/v1/releases/{release}/retract", new { reason }), cancellationToken);

    public Task<ApiRetracted> RetractTagAsync(string reference, string reason, CancellationToken cancellationToken) =>
        ReadAsync<ApiRetracted>(Post("api/v1/images/retract", new { reference, reason }), cancellationToken);

    public Task<ApiImageHistory> GetImageAsync(string reference, CancellationToken cancellationToken) =>
        ReadAsync<ApiImageHistory>(Get($"api/v1/images?reference={Uri.EscapeDataString(reference)}", MediaTypeNames.Application.Json), cancellationToken);

    public Task<ApiRelease> GetReleaseAsync(string id, CancellationToken cancellationToken) =>
        ReadAsync<ApiRelease>(Get($"api/v1/releases/{Uri.EscapeDataString(id)}", MediaTypeNames.Application.Json), cancellationToken);

    /// <param name="query">Filters, escaped, without the question mark.</param>
    public Task<ApiPage> ListReleasesAsync(string query, CancellationToken cancellationToken) =>
        ReadAsync<ApiPage>(Get($"api/v1/releases?{query}", MediaTypeNames.Application.Json), cancellationToken);

    /// <summary>Opens the log from its beginning or behind an event; it may come as <see cref="EventStream"/> or, from a server that does not offer that, as text.</summary>
    public async Task<HttpResponseMessage> FollowLogAsync(string id, string? lastEventId, CancellationToken cancellationToken)
    {
        using var request = Get($"api/v1/releases/{Uri.EscapeDataString(id)}/log", EventStream);
        if (lastEventId is not null)
        {
            request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
        }

        return await SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    public async Task<string> GetLogAsync(string id, CancellationToken cancellationToken)
    {
        using var request = Get($"api/v1/releases/{Uri.EscapeDataString(id)}/log", MediaTypeNames.Text.Plain);
        using var response = await SendAsync(request, HttpCompletionOption.ResponseContentRead, cancellationToken);
        return await response.Content.ReadAsStringAsync(cancellationToken);
    }

    private static HttpRequestMessage Post(string path, object body) => new(HttpMethod.Post, path) { Content = JsonContent.Create(body) };

    private static HttpRequestMessage Get(string path, string accept)
    {
        HttpRequestMessage request = new(HttpMethod.Get, path);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(accept));
        return request;
    }

    private async Task<T> ReadAsync<T>(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using (request)
        using (var response = await SendAsync(request, HttpCompletionOption.ResponseContentRead, cancellationToken))
        {
            try
            {
                return await response.Content.ReadFromJsonAsync<T>(cancellationToken)
                    ?? throw new JsonException();
            }
            catch (Exception exception) when (exception is JsonException or NotSupportedException or InvalidOperationException)
            {
                throw new ApiException($"{Server} answered with something else than ReleaseBot's API does. Is the address right?");
            }
        }
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, HttpCompletionOption completion, CancellationToken cancellationToken)
    {
        HttpResponseMessage response;
        try
        {
            response = await http.SendAsync(request, completion, cancellationToken);
        }
        catch (HttpRequestException exception)
        {
            throw new ApiException($"{Server} can't be reached: {(exception.InnerException ?? exception).Message}. Is the server running there? Name another with --server or {ClientOptions.ServerVariable}.")
            {
                IsTransient = true,
            };
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ApiException($"{Server} did not answer within {http.Timeout.TotalSeconds:0} seconds.") { IsTransient = true };
        }

        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw await RefusalAsync(response, cancellationToken);
        }
    }

    private async Task<ApiException> RefusalAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var words = await DescribeAsync(response, cancellationToken);
        var cure = response.StatusCode switch
        {
            HttpStatusCode.Unauthorized => $" Give an access token by {ClientOptions.TokenVariable} or --token-file.",
            // Where no token is configured at all, the server says so itself, and what to do.
            HttpStatusCode.Forbidden when !words.Contains(NoTokenConfigured, StringComparison.Ordinal) =>
                " The token must have the scope for this in the server's Access:Tokens: read to look, operate to change.",
            >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest when response.Headers.Location is { } elsewhere =>
                $" It points to {TerminalText.Clean(elsewhere.OriginalString)}; if that is the server, name it with --server.",
            _ => "",
        };
        var status = (int)response.StatusCode;
        return new ApiException($"{words}{cure}")
        {
            IsTransient = status is 408 or 429 or >= 500,
        };
    }

    private async Task<string> DescribeAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var plain = $"{Server} answered {(int)response.StatusCode} {response.ReasonPhrase}.".Replace(" .", ".", StringComparison.Ordinal);
        if (response.Content.Headers.ContentType?.MediaType != MediaTypeNames.Application.ProblemJson)
        {
            return plain;
        }

        try
        {
            var problem = await response.Content.ReadFromJsonAsync<ApiProblem>(cancellationToken);
            var words = string.Join(": ", new[] { problem?.Title?.TrimEnd('.'), problem?.Detail }.Where(part => !string.IsNullOrWhiteSpace(part)));
            var type = problem?.Type is { Length: > 0 } and not "about:blank" ? $" ({problem.Type})" : "";
            return words.Length == 0 ? plain : TerminalText.Clean($"{words.TrimEnd('.')}{type}.");
        }
        catch (Exception exception) when (exception is JsonException or HttpRequestException or IOException)
        {
            return plain;
        }
    }
}
