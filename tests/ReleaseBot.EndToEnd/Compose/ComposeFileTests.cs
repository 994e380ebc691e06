using System.Text.Json.Nodes;
using Xunit;

namespace ReleaseBot.EndToEnd.Compose;

/// <summary>docker-compose.yml as docker-compose reads it: who reaches whom, who knows which secret, and what nobody may write to.</summary>
public sealed class ComposeFileTests : IAsyncLifetime
{
    private ComposeProject? _project;
    private JsonNode? _file;

    private ComposeProject Project => _project ?? throw new InvalidOperationException("The test has not begun.");

    private JsonObject Services => _file!["services"]!.AsObject();

    public async ValueTask InitializeAsync()
    {
        _project = await ComposeProject.CreateAsync();
        _file = await Project.ConfigureAsync("engine-2");
    }

    public ValueTask DisposeAsync()
    {
        Project.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public void Nobody_But_Its_Workers_Shares_A_Network_With_An_Engine()
    {
        Sharing("dind").ShouldBe(["worker"]);
        Sharing("dind-2").ShouldBe(["worker-2"]);
        Networks("web").ShouldBe(["data", "front"]);
        _file!["networks"]!["data"]!["internal"]!.GetValue<bool>().ShouldBeTrue();
        Sharing("postgres").ShouldBe(["migrate", "rabbitmq", "web", "worker", "worker-2"]);
        Networks("postgres").ShouldBe(["data"]);
        Networks("rabbitmq").ShouldBe(["data"]);
        Services.Where(service => service.Value!["ports"] is not null).Select(service => service.Key).ShouldBe(["web"]);
    }

    [Fact]
    public void An_Engine_Is_Reached_By_Tls_Under_Its_Own_Name_And_Its_Authoritys_Key_Is_Its_Own()
    {
        foreach (var (worker, engine) in (IEnumerable<(string, string)>)[("worker", "dind"), ("worker-2", "dind-2")])
        {
            var environment = Services[worker]!["environment"]!;
            environment["Engine__Endpoint"]!.GetValue<string>().ShouldBe($"tcp://{Services[engine]!["hostname"]}:2376");
            var authority = Source(engine, "/certs");
            Source(engine, "/certs/client").ShouldBe(Source(worker, environment["Engine__CertificatePath"]!.GetValue<string>()));
            Source(engine, "/var/lib/docker").ShouldBe(Source(worker, environment["Engine__DiskPath"]!.GetValue<string>()));
            Services.Where(service => Volumes(service.Key).Any(volume => volume.Source == authority)).Select(service => service.Key).ShouldBe([engine]);
            Volumes(worker).ShouldAllBe(volume => volume.IsReadOnly);
        }

        Source("dind", "/var/lib/docker").ShouldNotBe(Source("dind-2", "/var/lib/docker"));
        Source("dind", "/certs").ShouldNotBe(Source("dind-2", "/certs"));
    }

    [Fact]
    public void An_Engine_Has_Upload_Slots_And_Lets_Long_Logs_Through()
    {
        foreach (var engine in (string[])["dind", "dind-2"])
        {
            Services[engine]!["command"]!.AsArray().Select(word => word!.GetValue<string>()).ShouldContain("--max-concurrent-uploads");
            var environment = Services[engine]!["environment"]!;
            environment["DOCKER_TLS_CERTDIR"]!.GetValue<string>().ShouldNotBeEmpty();
            long.Parse(environment["BUILDKIT_STEP_LOG_MAX_SIZE"]!.GetValue<string>(), null).ShouldBeGreaterThan(32L << 20, "what the bot keeps of a log");
            long.Parse(environment["BUILDKIT_STEP_LOG_MAX_SPEED"]!.GetValue<string>(), null).ShouldBeGreaterThan(32L << 20);
        }
    }

    [Fact]
    public void Secrets_Are_Files_And_In_No_Environment_Or_Argument()
    {
        var text = _file!.ToJsonString();
        var secrets = Directory.GetFiles(Path.Combine(Project.Folder, "secrets"), "*", SearchOption.AllDirectories).Select(File.ReadAllText)
            .Select(secret => secret.Trim()).Where(secret => secret.Length >= 16).ToList();
        secrets.Count.ShouldBeGreaterThan(8);
        secrets.ShouldAllBe(secret => !text.Contains(secret));
        foreach (var (name, service) in Services)
        {
            foreach (var (key, _) in service!["environment"]?.AsObject() ?? [])
            {
                (key.EndsWith("_FILE", StringComparison.Ordinal) || !IsSecret(key)).ShouldBeTrue($"{name}: {key}");
            }
        }
    }

    [Fact]
    public async Task Each_Role_Has_The_Secrets_Of_Its_Own_And_They_Are_Made_Once()
    {
        Source("web", "/run/secrets").ShouldBe($"{Project.Folder}/secrets/web");
        Source("worker", "/run/secrets").ShouldBe($"{Project.Folder}/secrets/worker");
        Source("worker-2", "/run/secrets").ShouldBe($"{Project.Folder}/secrets/worker");
        Source("migrate", "/run/secrets").ShouldBe($"{Project.Folder}/secrets/migrate");
        Names("web").ShouldAllBe(name => !name.StartsWith("Registries"));
        Names("worker").ShouldAllBe(name => !name.Contains("Webhook") && !name.StartsWith("Channels") && !name.StartsWith("Access"));
        Names("migrate").ShouldBe(["Storage__ConnectionString"]);
        var password = Project.Secret("postgres/password");
        password.Length.ShouldBe(64);
        Project.Secret("web/Storage__ConnectionString").ShouldEndWith(password);
        Project.Secret("rabbitmq/user.conf").ShouldContain(Project.Secret("rabbitmq/password"));
        File.GetUnixFileMode(Path.Combine(Project.Folder, "secrets")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

        (await Project.MakeSecretsAsync()).ShouldContain("secrets/worker/Registries__dockerhub__Password");

        Project.Secret("postgres/password").ShouldBe(password);
    }

    [Fact]
    public void The_Bot_Can_Write_Nowhere_But_To_Memory_And_May_Nothing()
    {
        foreach (var name in (string[])["web", "worker", "worker-2", "migrate"])
        {
            var service = Services[name]!;
            service["read_only"]!.GetValue<bool>().ShouldBeTrue();
            service["cap_drop"]![0]!.GetValue<string>().ShouldBe("ALL");
            service["security_opt"]![0]!.GetValue<string>().ShouldBe("no-new-privileges:true");
            service["privileged"].ShouldBeNull();
            service["tmpfs"]![0]!.GetValue<string>().ShouldStartWith("/tmp:exec,mode=1777,size=");
            Volumes(name).ShouldAllBe(volume => volume.IsReadOnly);
        }

        Services.Where(service => service.Value!["privileged"] is not null).Select(service => service.Key).ShouldBe(["dind", "dind-2"]);
    }

    [Fact]
    public void Everything_Has_A_Health_Check_And_Begins_When_What_It_Needs_Is_Healthy()
    {
        Services.Where(service => service.Value!["healthcheck"]?["test"]?[0]?.GetValue<string>() is null or "NONE").Select(service => service.Key).ShouldBe(["migrate"]);
        Condition("web", "migrate").ShouldBe("service_completed_successfully");
        Condition("worker", "migrate").ShouldBe("service_completed_successfully");
        Condition("worker", "dind").ShouldBe("service_healthy");
        Condition("worker-2", "dind-2").ShouldBe("service_healthy");
        Condition("migrate", "postgres").ShouldBe("service_healthy");
        // Hooks are taken without it.
        Condition("web", "rabbitmq").ShouldBe("service_started");
        // Longer than the bot takes to drain and hand back.
        Services["worker"]!["stop_grace_period"]!.GetValue<string>().ShouldBe("40s");
    }

    [Fact]
    public void Second_Engine_And_Its_Worker_Are_There_On_Demand_Alone()
    {
        foreach (var (name, service) in Services)
        {
            (service!["profiles"]?[0]?.GetValue<string>()).ShouldBe(name is "worker-2" or "dind-2" ? "engine-2" : null, name);
        }
    }

    private static bool IsSecret(string key) =>
        ((string[])["password", "secret", "token", "url__", "connectionstring", "__uri"]).Any(word => key.Contains(word, StringComparison.OrdinalIgnoreCase));

    private IReadOnlyList<string> Networks(string service) =>
        [.. Services[service]!["networks"]!.AsObject().Select(network => network.Key).Order(StringComparer.Ordinal)];

    private IReadOnlyList<string> Sharing(string service) =>
        [.. Services.Select(other => other.Key).Where(other => other != service && Networks(other).Intersect(Networks(service)).Any()).Order(StringComparer.Ordinal)];

    private IEnumerable<(string Source, string Target, bool IsReadOnly)> Volumes(string service) =>
        Services[service]!["volumes"]!.AsArray().Select(volume => volume!.GetValue<string>().Split(':')).Select(parts => (parts[0], parts[1], parts[2] == "ro"));

    private string Source(string service, string target) => Volumes(service).Single(volume => volume.Target == target).Source;

    private string Condition(string service, string on) => Services[service]!["depends_on"]![on]!["condition"]!.GetValue<string>();

    private IReadOnlyList<string> Names(string role) =>
        [.. Directory.GetFiles(Path.Combine(Project.Folder, "secrets", role)).Select(path => Path.GetFileName(path)!)];
}
