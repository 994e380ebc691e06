using System.Text;
using System.Text.Json.Nodes;
using ReleaseBot.EndToEnd.Parts;
using ReleaseBot.StandIns.Registry;
using Xunit;

namespace ReleaseBot.EndToEnd;

public sealed class SecretTests(ServiceParts parts)
{
    private const string BuildSecret = "npm-5f2d9c71e0b84a63";

    [Fact]
    public async Task Secrets_Stay_Where_They_Belong_Even_When_A_Build_Prints_One()
    {
        await using var shop = await ReleaseScenario.CreateAsync(
            parts, Dockerfiles.Plain + """

                RUN --mount=type=secret,id=npm ["/bin/busybox", "sh", "-c", "echo the secret is $(/bin/busybox cat /run/secrets/npm)"]
                """);
        // By the file, since a list in the environment would replace the whole list of projects.
        shop.Rule["BuildSecrets"] = new JsonObject { ["npm"] = BuildSecret };
        shop.Settings["Logging"] = new JsonObject { ["LogLevel"] = new JsonObject { ["Default"] = "Debug" } };
        shop.Second.On(request => request.Is("PUT", "/manifests/v1.0.0"), new ProxyFault.Answer(500));
        await shop.Bot.StartAsync();

        var release = await shop.PublishAsync("v1.0.0");
        await shop.PushTagAsync("unprotected");
        await shop.WaitForEndAsync("unprotected");
        await shop.WaitUntilToldAsync("v1.0.0");
        // The builder's words for a step that fails have the step's command in them.
        await ReleaseScenario.CommitAsync(shop.Clone, new() { ["Dockerfile"] = Dockerfiles.Plain + $"\nRUN [\"/bin/busybox\", \"sh\", \"-c\", \"echo {BuildSecret}; exit 3\"]\n" });
        await shop.PushTagAsync("v1.1.0");
        var failed = await shop.WaitForEndAsync("v1.1.0");
        failed.Reason.ShouldNotBeNull().Message.ShouldContain("echo ***; exit 3");
        await shop.WaitUntilToldAsync("v1.1.0");
        var log = await shop.Api.LogAsync(release.Id);
        var places = new Dictionary<string, string>
        {
            ["the release's log"] = log,
            ["the releases"] = await shop.Api.TextAsync("api/v1/releases"),
            ["the release"] = await shop.Api.TextAsync($"api/v1/releases/{release.Id}"),
            ["the failed release's log"] = await shop.Api.LogAsync(failed.Id),
            ["the deliveries"] = await shop.Api.TextAsync("api/v1/deliveries"),
            ["the queue"] = await shop.Api.TextAsync("api/v1/queue"),
            ["the metrics"] = await shop.Api.TextAsync("metrics"),
            ["the pages"] = await shop.Api.TextAsync("") + await shop.Api.TextAsync($"releases/{release.Id}") + await shop.Api.TextAsync($"releases/{failed.Id}"),
            ["the image"] = await shop.SecondView.ConfigAsync(shop.Path, "v1.0.0"),
            ["the chat"] = string.Concat(shop.Told("v1.0.0").Concat(shop.Told("v1.1.0")).Select(message => message.Body)),
        };
        (await shop.Bot.StopAsync()).ShouldBe(0);
        places["the output"] = shop.Bot.Output;
        foreach (var file in Directory.EnumerateFiles(shop.Bot.Folder, "releasebot.db*"))
        {
            places[Path.GetFileName(file)] = Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken));
        }

        log.ShouldContain("the secret is ");
        foreach (var (name, secret) in Secrets(shop))
        {
            foreach (var (place, text) in places)
            {
                text.Contains(secret, StringComparison.Ordinal).ShouldBeFalse($"{name} is in {place}");
            }
        }
    }

    [Fact]
    public async Task Build_Secret_Of_Several_Lines_Is_Masked_By_Lines_By_Values_And_Where_A_Line_Is_Cut()
    {
        const string Secret = "//registry.example/:_authToken=npm_7d1f0a93b6c24e58\npassword: \"h0rse-battery-91\"\nMIIEvQIBADANBgkqhkiG9w0B\n";
        await using var shop = await ReleaseScenario.CreateAsync(
            parts, Dockerfiles.Plain + """

                COPY print.sh /print.sh
                RUN --mount=type=secret,id=npm ["/bin/busybox", "sh", "/print.sh"]
                """);
        var file = Path.Combine(shop.Bot.Folder, "npmrc");
        await File.WriteAllTextAsync(file, Secret, TestContext.Current.CancellationToken);
        shop.Rule["BuildSecretFiles"] = new JsonObject { ["npm"] = file };
        await ReleaseScenario.CommitAsync(shop.Clone, new()
        {
            // In lines, in values, in one line, and across the places at which the log and the builder's reader cut a line that is too long.
            ["print.sh"] = """
                b=/bin/busybox
                echo printed: && $b cat /run/secrets/npm
                echo value $($b sed -n 's/.*=//p' /run/secrets/npm) and $($b sed -n 's/.*: "\(.*\)"/\1/p' /run/secrets/npm)
                echo in one: $($b cat /run/secrets/npm)
                printf '%16370s%s\n' long $($b tail -n 1 /run/secrets/npm)
                printf '%32760s%s\n' longer $($b tail -n 1 /run/secrets/npm)
                """,
        });
        await shop.Bot.StartAsync();

        var release = await shop.PublishAsync("v1.0.0");

        var log = await shop.Api.LogAsync(release.Id);
        log.ShouldContain("value *** and ***");
        log.Split("[line cut]").Length.ShouldBe(3);
        foreach (var part in new[] { "_authToken", "npm_7d1f", "h0rse-b", "MIIEvQ", "hkiG9w0B" })
        {
            log.ShouldNotContain(part, Case.Sensitive);
        }
    }

    private Dictionary<string, string> Secrets(ReleaseScenario shop) => new()
    {
        ["GitLab's token"] = parts.GitLab.Options.Token,
        ["the signing token"] = shop.SigningToken["whsec_".Length..],
        ["the registries' password"] = DockerRegistry.Password,
        ["its Basic form"] = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{DockerRegistry.Username}:{DockerRegistry.Password}")),
        ["the chat's path"] = parts.Chat.SlackUrl.Segments[^1],
        ["the access token"] = shop.Bot.AccessToken,
        ["the build's secret"] = BuildSecret,
    };
}
