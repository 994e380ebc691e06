using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ReleaseBot.Unit.Commands;

/// <summary>A server on a free loopback port that answers as ReleaseBot's API does. What it is not told to answer is a 500, and shows in the test.</summary>
internal sealed class StandInApi : IAsyncDisposable
{
    public const string Id = "01990000-0000-7000-8000-000000000001";

    private readonly WebApplication _app;

    private StandInApi(WebApplication app) => _app = app;

    public Uri Address => new(_app.Urls.Single());

    /// <summary>Method, path, query and a few headers of each request.</summary>
    public ConcurrentQueue<StandInRequest> Requests { get; } = new();

    /// <summary>Answers by method and path; called with the request's number for that path, from 0.</summary>
    public Dictionary<string, Func<HttpContext, int, Task>> Routes { get; } = [];

    public static async Task<StandInApi> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        StandInApi api = new(builder.Build());
        api._app.Run(api.AnswerAsync);
        await api._app.StartAsync(Xunit.TestContext.Current.CancellationToken);
        return api;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    public StandInApi On(string route, Func<HttpContext, int, Task> answer)
    {
        Routes[route] = answer;
        return this;
    }

    public StandInApi On(string route, params string[] answers) =>
        On(route, (http, number) => Json(http, answers[Math.Min(number, answers.Length - 1)]));

    public StandInApi OnProblem(string route, int status, string title, string detail, string type) => On(route, (http, _) =>
    {
        http.Response.StatusCode = status;
        return Json(http, $$"""{ "type": "{{type}}", "title": "{{title}}", "status": {{status}}, "detail": "{{detail}}" }""", "application/problem+json");
    });

    public static Task Json(HttpContext http, string json, string type = "application/json")
    {
        http.Response.ContentType = type;
        return http.Response.WriteAsync(json);
    }

    public static async Task Events(HttpContext http, string text)
    {
        http.Response.ContentType = "text/event-stream";
        await http.Response.WriteAsync(text);
        await http.Response.Body.FlushAsync();
    }

    /// <summary>Writes the events, and cuts the connection once they have arrived: what the client has not read by then is lost.</summary>
    public static async Task CutEvents(HttpContext http, string text, Task arrived)
    {
        await Events(http, text);
        await arrived.WaitAsync(Xunit.TestContext.Current.CancellationToken);
        http.Abort();
    }

    public static string Release(string status, string extra = "") => $$"""
        {
          "id": "{{Id}}", "project": { "id": 7, "path": "acme/shop", "url": "https://gitlab.example/acme/shop" },
          "ref": { "kind": "tag", "name": "v1.2.3", "protected": true }, "commit": "0123456789012345678901234567890123456789", "version": "1.2.3",
          "status": "{{status}}", "attempt": 1, "createdAt": "2026-11-24T10:00:00Z", "startedAt": "2026-11-24T10:00:05Z", "finishedAt": "2026-11-24T10:02:10Z",
          "images": [
            { "registry": "gitlab", "reference": "registry.example/acme/shop:v1.2.3", "floating": false, "status": "pushed", "digest": "sha256:{{new string('a', 64)}}" },
            { "registry": "gitlab", "reference": "registry.example/acme/shop:latest", "floating": true, "status": "kept", "reason": { "code": "not-newest", "message": "2.0.0 is newer." } }
          ],
          "links": { "page": "/releases/{{Id}}" }{{extra}}
        }
        """;

    private async Task AnswerAsync(HttpContext http)
    {
        var route = $"{http.Request.Method} {http.Request.Path}";
        var number = Requests.Count(request => request.Route == route);
        using StreamReader body = new(http.Request.Body);
        Requests.Enqueue(new StandInRequest(route, http.Request.QueryString.Value ?? "", await body.ReadToEndAsync(),
            http.Request.Headers.Authorization.ToString(), http.Request.Headers["Last-Event-ID"].ToString()));
        if (Routes.TryGetValue(route, out var answer))
        {
            await answer(http, number);
        }
        else
        {
            http.Response.StatusCode = StatusCodes.Status500InternalServerError;
            await http.Response.WriteAsync($"nothing is prepared for {route}");
        }
    }
}

internal sealed record StandInRequest(string Route, string Query, string Body, string Authorization, string LastEventId);
