using System.Net;
using System.Net.Sockets;
using ReleaseBot.Configuration;
using ReleaseBot.Hosting;
using ReleaseBot.Unit.Configuration;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Commands;

/// <summary>What <c>check</c> blames: that which is away, and nobody else.</summary>
public sealed class CheckTests
{
    [Fact]
    public async Task A_GitLab_That_Is_Away_Is_Not_The_Registries_Fault()
    {
        var json = Given.With("GitLab:Url", $"\"http://127.0.0.1:{FreePort()}\"");
        await using var app = ServerHost.Build(Given.Settings(json), Roles.All, Given.Merged(json));
        var checks = Checks.Of(Given.Settings(json), app.Services).ToList();

        var registry = await checks.Single(check => check.Subject.StartsWith("registry gitlab", StringComparison.Ordinal)).Ask(TestContext.Current.CancellationToken);

        registry.Verdict.ShouldBe(Verdict.Doubt);
        registry.Finding.ShouldBe("was not asked: GitLab could not name a project that would be pushed here");
        registry.Cure.ShouldStartWith("Mend GitLab first");
    }

    /// <summary>A port that nobody listens on.</summary>
    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
