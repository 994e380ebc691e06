using System.Globalization;
using System.Text.Json.Nodes;
using ReleaseBot.EndToEnd.Parts;
using ReleaseBot.StandIns.GitLab;
using Xunit;

namespace ReleaseBot.EndToEnd.Compose;

/// <summary>
/// The image of ops/Dockerfile, and of docker-compose.yml what a machine without other images and without privileged containers can run of it:
/// docker-compose starts migrate, web and worker from their own entries in it. Database, bus and an engine behind TLS are programs of this
/// machine, known to the containers by the names that they have in the file.
/// </summary>
public sealed class ComposeStackTests(ServiceParts parts) : IAsyncLifetime
{
    private const string Image = "releasebot:local";
    private const string RuntimeBase = "mcr.microsoft.com/dotnet/aspnet:10.0";
    private const string SdkBase = "mcr.microsoft.com/dotnet/sdk:10.0";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rb-stack-");
    private readonly Dictionary<string, int> _ports = new() { ["web"] = 0, ["worker"] = Ports.Free() };
    private ComposeProject? _project;
    private RabbitMqServer? _rabbitMq;
    private EngineAuthority? _authority;
    private DockerDaemon? _builder;
    private int _builderPort;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private ComposeProject Project => _project!;

    private string ComposeFile => Path.Combine(Project.Folder, "stack.json");

    private Dictionary<string, string> Docker => new()
    {
        ["DOCKER_HOST"] = parts.Engine.Endpoint.ToString(),
        ["DOCKER_BUILDKIT"] = "0",
        ["COMPOSE_PROJECT_NAME"] = "rb-stack",
    };

    public async ValueTask InitializeAsync()
    {
        _project = await ComposeProject.CreateAsync();
        _rabbitMq = await RabbitMqServer.StartAsync(Cancellation);
        _authority = new EngineAuthority();
        await StartBuilderAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (File.Exists(ComposeFile))
        {
            await CommandLine.TryAsync(Project.Folder, Docker, "docker-compose", "-f", ComposeFile, "down", "--timeout", "2");
        }

        foreach (var part in (IAsyncDisposable?[])[_builder, _rabbitMq])
        {
            if (part is not null)
            {
                await part.DisposeAsync();
            }
        }

        _authority?.Dispose();
        _project?.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Image_And_Stack_Publish_Releases()
    {
        await BuildImageAsync();
        await using var shop = await ReleaseScenario.CreateAsync(parts);
        _ports["web"] = shop.Bot.Address.Port;
        await FillInAsync(shop);

        await ComposeAsync("up", "--detach", "--no-build");
        foreach (var service in _ports.Keys)
        {
            await HealthyAsync(service);
        }

        // Through the containers, by the archive and by git, whose helper has to be run from /tmp.
        await shop.PublishAsync("v1.0.0");
        parts.GitLab.AddFault(new StandInFault
        {
            Kind = StandInFaultKind.Status,
            Status = 429,
            Matches = $"GET /api/v4/projects/{shop.Project.Id}/repository/archive",
            Body = """{"message":{"error":"This archive has been requested too many times. Try again later."}}""",
        });
        await ReleaseScenario.CommitAsync(shop.Clone, []);
        var second = await shop.PublishAsync("v1.1.0");
        (await shop.Api.LogAsync(second.Id)).ShouldContain("by git");
        await shop.DigestAsync("v1.1.0");

        await ShouldBeConfinedAsync(shop);
        await ComposeAsync("stop");
        foreach (var service in _ports.Keys)
        {
            (await InspectAsync(service, "{{.State.ExitCode}}")).ShouldBe("0", await LogsAsync());
        }
    }

    /// <summary>What a container may not do, asked from within.</summary>
    private async Task ShouldBeConfinedAsync(ReleaseScenario shop)
    {
        foreach (var service in _ports.Keys)
        {
            (await ExecAsync(service, "id -u")).Output.ShouldContain("1654");
            (await ExecAsync(service, "touch /app/x")).Output.ShouldContain("Read-only file system");
            (await ExecAsync(service, "touch /run/secrets/x")).Output.ShouldContain("Read-only file system");
            // The environment of the process itself, and all that docker shows of the container.
            var known = (await ExecAsync(service, "cat /proc/1/environ /proc/1/cmdline")).Output + await InspectAsync(service, "{{json .}}") + await LogsAsync();
            foreach (var secret in shop.Secrets.Values.Append(shop.Bot.AccessToken))
            {
                known.ShouldNotContain(secret);
            }
        }

        (await ExecAsync("web", "ls /certs /engine || echo /certs/*")).Output.ShouldNotContain("key.pem");
        (await CommandLine.RunAsync(Project.Folder, Docker, "docker", "history", "--no-trunc", Image)).ShouldNotContain("glpat-");
    }

    private async Task StartBuilderAsync()
    {
        var server = Path.Combine(_folder.FullName, "server");
        _authority!.Issue(server, "dind");
        _authority.Issue(Path.Combine(_folder.FullName, "client"), "client");
        _builderPort = Ports.Free();
        _builder = await DockerDaemon.StartAsync(new DockerDaemonOptions
        {
            Arguments =
            [
                "-H", string.Create(CultureInfo.InvariantCulture, $"tcp://127.0.0.1:{_builderPort}"),
                "--tlsverify", "--tlscacert", $"{server}/ca.pem", "--tlscert", $"{server}/cert.pem", "--tlskey", $"{server}/key.pem",
            ],
        });
    }

    /// <summary>
    /// Builds ops/Dockerfile over a base made from this machine's runtime. The SDK is not in the base of its name: what stands there publishes the
    /// program that these tests run.
    /// </summary>
    private async Task BuildImageAsync()
    {
        var script = Path.Combine(CommandLine.Repository, "tests/ReleaseBot.EndToEnd/Compose/runtime-base.sh");
        await CommandLine.RunAsync(_folder.FullName, Docker, "bash", "-c", "set -o pipefail; \"$0\" | docker import - \"$1\"", script, RuntimeBase);
        var sdk = Directory.CreateDirectory(Path.Combine(_folder.FullName, "sdk")).FullName;
        await CommandLine.RunAsync(sdk, Docker, "cp", "-r", TestedProgram.Folder, "published");
        await File.WriteAllTextAsync(
            Path.Combine(sdk, "dotnet"), "#!/bin/sh\n[ \"$1 $2\" = 'publish src/ReleaseBot' ] && [ -f src/ReleaseBot/ReleaseBot.csproj ] && mv /published /app\n", Cancellation);
        File.SetUnixFileMode(Path.Combine(sdk, "dotnet"), (UnixFileMode)0b111_101_101);
        await File.WriteAllTextAsync(Path.Combine(sdk, "Dockerfile"), $"FROM {RuntimeBase}\nCOPY published /published\nRUN rm /usr/bin/dotnet\nCOPY dotnet /usr/bin/dotnet\n", Cancellation);
        await CommandLine.RunAsync(sdk, Docker, "docker", "build", "--quiet", "--network", "none", "--tag", SdkBase, ".");
        await CommandLine.RunAsync(CommandLine.Repository, Docker, "docker", "build", "--quiet", "--network", "none", "--file", "ops/Dockerfile", "--tag", Image, ".");
    }

    /// <summary>The operator's part: projects and registries in releasebot.json, secrets in their files; and here the machine's own ports.</summary>
    private async Task FillInAsync(ReleaseScenario shop)
    {
        var settings = shop.Settings.DeepClone().AsObject();
        settings.Remove("Engine");
        await File.WriteAllTextAsync(Path.Combine(Project.Folder, "releasebot.json"), settings.ToJsonString(), Cancellation);
        var database = (await parts.Postgres.CreateDatabaseAsync(Cancellation)).Replace("Host=127.0.0.1", "Host=postgres", StringComparison.Ordinal);
        foreach (var role in (string[])["web", "worker", "migrate"])
        {
            await Project.WriteSecretAsync($"{role}/Storage__ConnectionString", database);
        }

        foreach (var role in (string[])["web", "worker"])
        {
            await Project.WriteSecretAsync($"{role}/Bus__Uri", _rabbitMq!.Uri.AbsoluteUri.Replace("127.0.0.1", "rabbitmq", StringComparison.Ordinal));
            await Project.WriteSecretAsync($"{role}/GitLab__Token", shop.Secrets["GitLab__Token"]);
        }

        foreach (var name in (string[])["web/GitLab__Webhook__Secrets__0", "worker/Registries__gitlab__Password", "worker/Registries__dockerhub__Password"])
        {
            File.Delete(Path.Combine(Project.Folder, "secrets", name));
        }

        await Project.WriteSecretAsync("web/GitLab__Webhook__SigningTokens__0", shop.SigningToken);
        await Project.WriteSecretAsync("web/Channels__team__Url", shop.Secrets["Channels__team__Url"]);
        await Project.WriteSecretAsync("web/Access__Tokens__0__Secret", shop.Bot.AccessToken);
        await Project.WriteSecretAsync("worker/Registries__first__Password", shop.Secrets["Registries__first__Password"]);
        await Project.WriteSecretAsync("worker/Registries__second__Password", shop.Secrets["Registries__second__Password"]);
        await WriteStackAsync();
    }

    /// <summary>The file's own entries, on the machine's network, without those that stand for programs of the machine.</summary>
    private async Task WriteStackAsync()
    {
        var all = (await Project.ConfigureAsync(""))["services"]!.AsObject();
        var services = new JsonObject();
        foreach (var name in (string[])["migrate", "web", "worker"])
        {
            var service = all[name]!.DeepClone().AsObject();
            foreach (var key in (string[])["networks", "ports", "build"])
            {
                service.Remove(key);
            }

            service["network_mode"] = "host";
            service["extra_hosts"] = new JsonArray("postgres:127.0.0.1", "rabbitmq:127.0.0.1", "dind:127.0.0.1");
            foreach (var machine in (string[])["postgres", "rabbitmq", "dind"])
            {
                service["depends_on"]!.AsObject().Remove(machine);
            }

            if (_ports.TryGetValue(name, out var port))
            {
                service["environment"]!["Urls"] = string.Create(CultureInfo.InvariantCulture, $"http://0.0.0.0:{port}");
            }

            services[name] = service;
        }

        var worker = services["worker"]!;
        worker["environment"]!["Engine__Endpoint"] = string.Create(CultureInfo.InvariantCulture, $"tcp://dind:{_builderPort}");
        worker["volumes"] = new JsonArray([.. worker["volumes"]!.AsArray().Select(volume => (JsonNode)volume!.GetValue<string>()
            .Replace("client:/", $"{_folder.FullName}/client:/", StringComparison.Ordinal)
            .Replace("engine:/", $"{_builder!.DataFolder}:/", StringComparison.Ordinal))]);
        await File.WriteAllTextAsync(ComposeFile, new JsonObject { ["services"] = services }.ToJsonString(), Cancellation);
    }

    private Task<string> ComposeAsync(params string[] arguments) =>
        CommandLine.RunAsync(Project.Folder, Docker, "docker-compose", ["-f", ComposeFile, .. arguments]);

    private async Task HealthyAsync(string service) => await Poll.UntilAsync(
        $"{service} to be healthy", () => InspectAsync(service, "{{.State.Health.Status}}"), status => status == "healthy",
        status => $"{status}\n{LogsAsync().GetAwaiter().GetResult()}");

    private async Task<string> InspectAsync(string service, string format)
    {
        var id = await CommandLine.RunAsync(Project.Folder, Docker, "docker", "ps", "--all", "--quiet", "--filter", $"label=com.docker.compose.service={service}");
        return (await CommandLine.RunAsync(Project.Folder, Docker, "docker", "inspect", "--format", format, id.Trim())).Trim();
    }

    private Task<(int ExitCode, string Output)> ExecAsync(string service, string command) =>
        CommandLine.TryAsync(Project.Folder, Docker, "docker-compose", "-f", ComposeFile, "exec", "-T", service, "sh", "-c", command);

    private async Task<string> LogsAsync() =>
        (await CommandLine.TryAsync(Project.Folder, Docker, "docker-compose", "-f", ComposeFile, "logs", "--no-color")).Output;
}
