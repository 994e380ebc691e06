using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;

namespace ReleaseBot.Benchmarks.Workers;

/// <summary>
/// A Docker engine that does nothing but wait: the calls that a worker makes with the classic builder, on a socket of its own. It takes the context to
/// its end, waits, and has an image whose config bears the labels; it pushes for real. What it does not know it refuses and remembers.
/// </summary>
internal sealed partial class WaitingEngine : IAsyncDisposable
{
    /// <summary>The engine's names are as they stand here.</summary>
    private static readonly JsonSerializerOptions Plain = new();

    private readonly string _name;
    private readonly TimeSpan _wait;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rb-bench-engine-");
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, WaitingImage> _images = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _tags = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _unexpected = [];

    private WaitingEngine(string name, TimeSpan wait)
    {
        (_name, _wait) = (name, wait);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel(options =>
        {
            options.Limits.MaxRequestBodySize = null;
            options.ListenUnixSocket(Socket);
        });
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public string Endpoint => $"unix://{Socket}";

    /// <summary>What was asked for that no engine of this kind would be asked.</summary>
    public IReadOnlyCollection<string> Unexpected => _unexpected;

    private string Socket => Path.Combine(_folder.FullName, "docker.sock");

    /// <param name="wait">How long each build takes.</param>
    public static async Task<WaitingEngine> StartAsync(string name, TimeSpan wait, CancellationToken cancellationToken)
    {
        var engine = new WaitingEngine(name, wait);
        await engine._app.StartAsync(cancellationToken);
        return engine;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _http.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        var path = Version().Replace(request.Path.Value!, "");
        await ((request.Method, path) switch
        {
            ("GET" or "HEAD", "/_ping") => context.Response.WriteAsync("OK"),
            ("GET", "/version") => context.Response.WriteAsJsonAsync(new { Version = "20.10.24", ApiVersion = "1.41", Os = "linux", Arch = "amd64" }, Plain),
            ("GET", "/info") => context.Response.WriteAsJsonAsync(new { ID = _name, DockerRootDir = "/nonexistent" }, Plain),
            ("GET", "/images/json") => ListAsync(context.Response),
            ("POST", "/build") when request.Query["version"] == "1" => BuildAsync(context),
            // As an engine without BuildKit answers.
            ("POST", "/build/cancel") => RefuseAsync(context.Response, 404, "page not found"),
            ("POST", "/build/prune") => context.Response.WriteAsJsonAsync(new { SpaceReclaimed = 0 }, Plain),
            _ when Image().Match(path) is { Success: true } match => AnswerAsync(context, match.Groups["name"].Value, match.Groups["what"].Value),
            _ => RefuseUnexpectedAsync(context),
        });
    }

    private Task AnswerAsync(HttpContext context, string name, string what) => (context.Request.Method, what) switch
    {
        ("GET", "/json") => Find(name) is { } image
            ? context.Response.WriteAsJsonAsync(new { image.Id }, Plain)
            : RefuseAsync(context.Response, 404, $"No such image: {name}"),
        ("POST", "/tag") => TagAsync(context, name),
        ("POST", "/push") => PushAsync(context, name),
        ("DELETE", "") => RemoveAsync(context.Response, name),
        _ => RefuseUnexpectedAsync(context),
    };

    private async Task BuildAsync(HttpContext context)
    {
        var (query, aborted) = (context.Request.Query, context.RequestAborted);
        var length = await LengthAsync(context.Request.Body, aborted);
        if (length < 1024 || length % 512 != 0)
        {
            await RefuseAsync(context.Response, 400, string.Create(CultureInfo.InvariantCulture, $"A context of {length} bytes is no tar."));
            return;
        }

        await Task.Delay(_wait, TimeProvider.System, aborted);
        var image = WaitingImage.Create(query["t"].ToString(), query["labels"].ToString());
        _images[image.Id] = image;
        _tags[query["t"].ToString()] = image.Id;
        await WriteAsync(context.Response, new { stream = "Waited.\n" }, new { aux = new { ID = image.Id } }, new { stream = $"Successfully built {image.Id[7..19]}\n" });
    }

    private Task TagAsync(HttpContext context, string name)
    {
        if (Find(name) is not { } image)
        {
            return RefuseAsync(context.Response, 404, $"No such image: {name}");
        }

        _tags[$"{context.Request.Query["repo"]}:{context.Request.Query["tag"]}"] = image.Id;
        context.Response.StatusCode = StatusCodes.Status201Created;
        return Task.CompletedTask;
    }

    private async Task PushAsync(HttpContext context, string name)
    {
        var tag = context.Request.Query["tag"].ToString();
        if (Find($"{name}:{tag}") is not { } image)
        {
            await RefuseAsync(context.Response, 404, $"An image does not exist locally with the tag: {name}");
            return;
        }

        var digest = await image.PushAsync(_http, name, tag, context.RequestAborted);
        await WriteAsync(
            context.Response, new { status = $"The push refers to repository [{name}]" }, new { status = $"{tag}: digest: {digest}" },
            new { progressDetail = new { }, aux = new { Tag = tag, Digest = digest, Size = image.ManifestBytes } });
    }

    private Task RemoveAsync(HttpResponse response, string name)
    {
        if (Find(name) is not { } image)
        {
            return RefuseAsync(response, 404, $"No such image: {name}");
        }

        _tags.TryRemove(name, out _);
        if (image.Id == name || !_tags.Values.Contains(image.Id, StringComparer.Ordinal))
        {
            _images.TryRemove(image.Id, out _);
        }

        return response.WriteAsJsonAsync(new[] { new { Untagged = name } }, Plain);
    }

    private Task ListAsync(HttpResponse response) => response.WriteAsJsonAsync(
        _tags.GroupBy(tag => tag.Value, tag => tag.Key).Select(group => new { Id = group.Key, RepoTags = group.ToArray() }), Plain);

    private WaitingImage? Find(string name) => _images.GetValueOrDefault(_tags.GetValueOrDefault(name, name));

    private Task RefuseUnexpectedAsync(HttpContext context)
    {
        var asked = $"{context.Request.Method} {context.Request.GetEncodedPathAndQuery()}";
        _unexpected.Enqueue(asked);
        return RefuseAsync(context.Response, 501, $"This engine is not expected to be asked: {asked}");
    }

    private static Task RefuseAsync(HttpResponse response, int status, string message)
    {
        response.StatusCode = status;
        return response.WriteAsJsonAsync(new { message }, Plain);
    }

    /// <summary>One JSON object after the other, as the engine tells of what it does.</summary>
    private static async Task WriteAsync(HttpResponse response, params object[] messages)
    {
        response.ContentType = "application/json";
        foreach (var message in messages)
        {
            await response.Body.WriteAsync(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(message, Plain) + "\r\n"));
        }
    }

    private static async Task<long> LengthAsync(Stream body, CancellationToken cancellationToken)
    {
        var buffer = new byte[65536];
        long length = 0;
        while (await body.ReadAsync(buffer, cancellationToken) is > 0 and var read)
        {
            length += read;
        }

        return length;
    }

    [GeneratedRegex(@"^/v\d+\.\d+(?=/)")]
    private static partial Regex Version();

    [GeneratedRegex("^/images/(?<name>.+?)(?<what>/json|/tag|/push|)$")]
    private static partial Regex Image();
}
