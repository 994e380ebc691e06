using System.Net;
using System.Net.Mime;
using System.Text;
using System.Text.Json;

namespace ReleaseBot.Chaos;

// As the contract with clients has it, and not the service's own types.
internal sealed record ApiReason(string Code, string Message);

internal sealed record ApiProject(string Path);

internal sealed record ApiRef(string Name);

internal sealed record ApiRelease(Guid Id, ApiProject Project, ApiRef Ref, string Status, int Attempt, ApiReason? Reason)
{
    public bool HasEnded => Status is "published" or "rejected" or "failed" or "canceled" or "superseded";
}

internal sealed record ApiPage(IReadOnlyList<ApiRelease> Items, string? Next);

internal sealed record ApiRunning(Guid Id, string? Worker);

internal sealed record ApiWorker(string Name, DateTimeOffset SeenAt, DateTimeOffset? PausedAt);

internal sealed record ApiQueue(IReadOnlyList<ApiRunning> Running, IReadOnlyList<ApiWorker> Workers);

/// <summary>The REST API of the web processes; asked again where one of them is just dead.</summary>
internal sealed class Api(Fleet fleet)
{
    private const int Tries = 240;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    public async Task<IReadOnlyList<ApiRelease>> ReleasesAsync(CancellationToken cancellationToken)
    {
        var releases = new List<ApiRelease>();
        string? cursor = null;
        do
        {
            var more = cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}";
            var page = JsonSerializer.Deserialize<ApiPage>(await TextAsync($"api/v1/releases?limit=200{more}", cancellationToken), Json)!;
            releases.AddRange(page.Items);
            cursor = page.Next;
        }
        while (cursor is not null);
        return releases;
    }

    public Task<string> LogAsync(Guid release, CancellationToken cancellationToken) => TextAsync($"api/v1/releases/{release}/log", cancellationToken);

    public async Task<ApiQueue> QueueAsync(CancellationToken cancellationToken) =>
        JsonSerializer.Deserialize<ApiQueue>(await TextAsync("api/v1/queue", cancellationToken), Json)!;

    /// <returns>The status of the first answer that is none of a server in trouble.</returns>
    public Task<HttpStatusCode> PostAsync(string path, string json, CancellationToken cancellationToken) => TryAsync(
        async web =>
        {
            using var body = new StringContent(json, Encoding.UTF8, MediaTypeNames.Application.Json);
            using var response = await fleet.Http.PostAsync(new Uri(web.Address, path), body, cancellationToken);
            return (int)response.StatusCode < 500 ? response.StatusCode : throw new HttpRequestException($"{path} was answered {(int)response.StatusCode}.");
        },
        cancellationToken);

    private Task<string> TextAsync(string path, CancellationToken cancellationToken) => TryAsync(
        async web =>
        {
            using var response = await fleet.Http.GetAsync(new Uri(web.Address, path), cancellationToken);
            return await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync(cancellationToken);
        },
        cancellationToken);

    private async Task<T> TryAsync<T>(Func<Bot, Task<T>> ask, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var web = fleet.Webs[attempt % fleet.Webs.Count];
            try
            {
                return await ask(web);
            }
            catch (Exception fault) when (attempt < Tries && fault is HttpRequestException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
            {
                await Task.Delay(Pause, TimeProvider.System, cancellationToken);
            }
        }
    }
}
