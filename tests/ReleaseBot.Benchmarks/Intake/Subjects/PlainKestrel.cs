using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using ReleaseBot.Parts;

namespace ReleaseBot.Benchmarks.Intake.Subjects;

/// <summary>The web server that the bot has too, with nothing but an endpoint that reads the body and answers 202: the ceiling. In a process of its own.</summary>
internal sealed class PlainKestrel : IAsyncDisposable
{
    /// <summary>The command line that has this program be the server, with a port behind it.</summary>
    public const string Argument = "plain-kestrel";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private readonly int _port = Ports.Free();
    private readonly ServerProcess _process;

    private PlainKestrel() => _process = ServerProcess.Start(
        "dotnet", [typeof(PlainKestrel).Assembly.Location, Argument, _port.ToString(CultureInfo.InvariantCulture)], new Dictionary<string, string>(), AppContext.BaseDirectory);

    public Uri Hook => new($"http://127.0.0.1:{_port}/webhooks/gitlab");

    public static async Task<PlainKestrel> StartAsync(CancellationToken cancellationToken)
    {
        var kestrel = new PlainKestrel();
        try
        {
            await Listening.WaitAsync(kestrel._port, StartLimit, () => kestrel._process.HasExited ? kestrel._process.Output : null, cancellationToken);
            return kestrel;
        }
        catch
        {
            await kestrel.DisposeAsync();
            throw;
        }
    }

    /// <summary>Serves until it is killed.</summary>
    public static async Task<int> ServeAsync(string port)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrel(options => options.AddServerHeader = false).UseUrls($"http://127.0.0.1:{port}");
        builder.Services.AddRouting();
        await using var app = builder.Build();
        app.UseRouting();
        app.MapPost("/webhooks/gitlab", async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted);
            context.Response.StatusCode = StatusCodes.Status202Accepted;
        });
        await app.RunAsync();
        return 0;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await _process.KillTreeAsync();
        }

        _process.Dispose();
    }
}
