using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Xunit;

namespace ReleaseBot.EndToEnd.Parts;

/// <summary>The REST API of a running bot, as a client sees it.</summary>
internal sealed class BotApi : IDisposable
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
    private readonly HttpClient _http;

    public BotApi(Uri address, string accessToken)
    {
        _http = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(20) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async Task<IReadOnlyList<ApiRelease>> ReleasesAsync(string project) =>
        (await GetAsync<ApiPage<ApiRelease>>($"api/v1/releases?project={project}&limit=200")).Items;

    /// <summary>The newest release of a ref; null where there is none.</summary>
    public async Task<ApiRelease?> FindAsync(string project, string refName)
    {
        var page = await GetAsync<ApiPage<ApiRelease>>($"api/v1/releases?project={project}&ref={Uri.EscapeDataString(refName)}");
        return page.Items is [var newest, ..] ? newest : null;
    }

    /// <summary>Waits for the newest release of a ref to be as it should.</summary>
    public async Task<ApiRelease> WaitAsync(string project, string refName, string what, Func<ApiRelease, bool> isSo) =>
        (await Poll.UntilAsync(
            $"{project} {refName} to be {what}", () => TryFindAsync(project, refName), release => release is not null && isSo(release),
            release => release is null ? "there is no such release, or nobody answers" : JsonSerializer.Serialize(release, Json)))!;

    /// <summary>A connection may be reset on a busy machine, as for every client; a bot that has ended does not answer the next time either.</summary>
    private async Task<ApiRelease?> TryFindAsync(string project, string refName)
    {
        try
        {
            return await FindAsync(project, refName);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    public Task<ApiRelease> WaitForEndAsync(string project, string refName) => WaitAsync(project, refName, "at its end", release => release.HasEnded);

    public Task<string> LogAsync(Guid release) => TextAsync($"api/v1/releases/{release}/log");

    public Task<ApiImageHistory> ImageAsync(string reference) => GetAsync<ApiImageHistory>($"api/v1/images?reference={Uri.EscapeDataString(reference)}");

    public async Task PostAsync(string path, object? body)
    {
        using var response = await _http.PostAsJsonAsync(path, body, Json, Cancellation);
        ((int)response.StatusCode).ShouldBeInRange(200, 299, $"POST {path}: {await response.Content.ReadAsStringAsync(Cancellation)}");
    }

    public async Task<string> TextAsync(string path)
    {
        using var response = await _http.GetAsync(path, Cancellation);
        var text = await response.Content.ReadAsStringAsync(Cancellation);
        response.IsSuccessStatusCode.ShouldBeTrue($"GET {path}: {(int)response.StatusCode} {text}");
        return text;
    }

    public async Task<bool> AnswersAsync(string path)
    {
        try
        {
            using var response = await _http.GetAsync(path, Cancellation);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<T> GetAsync<T>(string path) => JsonSerializer.Deserialize<T>(await TextAsync(path), Json)!;
}
