using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.StandIns.GitLab;
using Xunit;

namespace ReleaseBot.Integration.GitLab;

/// <summary>A GitLab stand-in with one project, a developer's clone of it, and our client.</summary>
internal sealed class GitLabFixture : IAsyncDisposable
{
    public const string ProjectPath = "acme/shop";

    private GitLabFixture(GitLabStandIn gitLab, StandInProject project, StandInRepository clone)
    {
        GitLab = gitLab;
        Project = project;
        Clone = clone;
        Settings = new GitLabSettings { Url = gitLab.Url, Token = new Secret(gitLab.Options.Token) };
        Client = new GitLabClient(Settings, TimeProvider.System, NullLogger<GitLabClient>.Instance);
        Source = new GitSource(Settings, TimeProvider.System, NullLogger<GitSource>.Instance);
    }

    public static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public GitLabStandIn GitLab { get; }

    public StandInProject Project { get; }

    public StandInRepository Clone { get; }

    public GitLabSettings Settings { get; }

    public GitLabClient Client { get; }

    public GitSource Source { get; }

    public static async Task<GitLabFixture> StartAsync(GitLabStandInOptions? options = null)
    {
        var gitLab = await GitLabStandIn.StartAsync(options ?? new GitLabStandInOptions(), Cancellation);
        var project = await gitLab.AddProjectAsync(ProjectPath, 42, Cancellation);
        return new GitLabFixture(gitLab, project, await StandInRepository.CreateAsync(gitLab, project, Cancellation));
    }

    public Task<string> CommitAsync(string path, string? content) =>
        Clone.CommitAsync(new Dictionary<string, string?> { [path] = content }, $"Change {path}", Cancellation);

    /// <summary>A client with other settings for the same GitLab.</summary>
    public GitLabClient ClientWith(string token) => new(Settings with { Token = new Secret(token) }, TimeProvider.System, NullLogger<GitLabClient>.Instance);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        Clone.Dispose();
        await GitLab.DisposeAsync();
    }
}

/// <summary>Receives hooks over a real socket and judges them as ReleaseBot's endpoint does.</summary>
internal sealed class HookReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;

    private HookReceiver(WebApplication app) => _app = app;

    public Uri Url { get; private set; } = null!;

    public ConcurrentQueue<(WebhookVerdict Verdict, string? DeliveryId, HookEvent Event)> Received { get; } = new();

    public static async Task<HookReceiver> StartAsync(WebhookSettings settings)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var receiver = new HookReceiver(app);
        var authenticator = new WebhookAuthenticator(settings, TimeProvider.System);
        app.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            var headers = context.Request.Headers;
            receiver.Received.Enqueue((
                authenticator.Verify(headers, body.ToArray()),
                WebhookAuthenticator.DeliveryId(headers),
                HookPayload.Parse(headers["X-Gitlab-Event"], body.ToArray())));
            context.Response.StatusCode = StatusCodes.Status202Accepted;
        });
        await app.StartAsync(GitLabFixture.Cancellation);
        receiver.Url = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
