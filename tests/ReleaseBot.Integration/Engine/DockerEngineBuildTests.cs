using System.Globalization;
using System.Runtime.Versioning;
using ReleaseBot.Core;
using ReleaseBot.Engine;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Engine;

/// <summary>Builds on a real engine, with BuildKit and with the classic builder.</summary>
[SupportedOSPlatform("linux")]
[Collection(EngineCollection.Name)]
public sealed class DockerEngineBuildTests(DockerEngineFixture fixture) : IAsyncDisposable
{
    private readonly DockerEngine _engine = Engines.To(fixture.Endpoint);
    private readonly LineLog _log = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _engine.DisposeAsync();

    [Fact]
    public async Task An_Engine_Tells_What_It_Is()
    {
        var version = await _engine.GetVersionAsync(Token);
        version.Version.ShouldMatch(@"\A\d+\.\d+");
        version.ApiVersion.ShouldMatch(@"\A1\.\d+\z");
        version.Platform.ShouldStartWith("linux/");
    }

    [Theory]
    [InlineData(BuilderKind.BuildKit)]
    [InlineData(BuilderKind.Classic)]
    public async Task A_Dockerfile_Becomes_An_Image_With_Its_Labels_Arguments_And_Stage(BuilderKind builder)
    {
        await using var engine = Engines.To(fixture.Endpoint, builder);
        var name = $"plain-{builder}".ToLowerInvariant();
        var repository = new Repository(Repository.Busybox + "ARG GREETING\nRUN echo \"said: $GREETING\" > /said && cat /said\n"
            + "FROM scratch AS wanted\nCOPY --from=0 /said /said\nFROM scratch\nCOPY missing /\n");
        var request = repository.Request(name) with
        {
            Target = "wanted",
            BuildArgs = new Dictionary<string, string> { ["GREETING"] = "grüß & gott?" },
            Labels = new Dictionary<string, string> { ["org.opencontainers.image.version"] = "1.2.3", ["odd"] = "a=b&c \"d\"" },
        };

        var image = await engine.BuildAsync(request, _log, Token);

        image.ImageId.ShouldMatch(@"\Asha256:[0-9a-f]{64}\z");
        _log.Lines.ShouldContain(line => line.EndsWith("said: grüß & gott?", StringComparison.Ordinal), _log.Text);
        var inspected = await fixture.Daemon.GetAsync($"images/{image.ImageId}/json", Token);
        inspected.GetProperty("Config").GetProperty("Labels").GetProperty("odd").GetString().ShouldBe("a=b&c \"d\"");
        inspected.GetProperty("RepoTags")[0].GetString().ShouldBe($"releasebot/{name}:build");
        (await engine.ListImagesAsync("releasebot/", Token)).ShouldContain($"releasebot/{name}:build");
        (await engine.HasImageAsync(image.ImageId, Token)).ShouldBeTrue();
        await engine.RemoveImageAsync(request.LocalTag, Token);
        await engine.RemoveImageAsync(image.ImageId, Token);
        (await engine.HasImageAsync(image.ImageId, Token)).ShouldBeFalse();
    }

    [Fact]
    public async Task The_Log_Reads_Like_That_Of_The_Docker_Command()
    {
        var repository = new Repository(Repository.Busybox + $"RUN printf 'one\\ntwo' && printf '\\033[31mred\\033[0m\\033[2K\\n' >&2 # {Guid.CreateVersion7(TimeProvider.System.GetUtcNow())}\n");

        await _engine.BuildAsync(repository.Request("log"), _log, Token);

        _log.Lines[0].ShouldStartWith("#1 [internal] ");
        var run = _log.Lines.Single(line => line.Contains("RUN printf", StringComparison.Ordinal)).Split(' ')[0];
        _log.Lines.ShouldContain($"{run} one");
        _log.Lines.ShouldContain($"{run} two");
        _log.Lines.ShouldContain($"{run} \u001b[31mred\u001b[0m");
        _log.Lines.ShouldContain(line => line.StartsWith($"{run} DONE ", StringComparison.Ordinal));

        var again = new LineLog();
        await _engine.BuildAsync(repository.Request("log"), again, Token);
        again.Lines.ShouldContain(line => line.EndsWith(" CACHED", StringComparison.Ordinal), again.Text);
    }

    // What docker build makes of the same repository: with BuildKit the Dockerfile is no part of the context, the classic builder takes it out.
    [Theory]
    [InlineData(BuilderKind.BuildKit, "secret\n", ".dockerignore Dockerfile app busybox")]
    [InlineData(BuilderKind.Classic, "secret\n", ".dockerignore Dockerfile app busybox")]
    [InlineData(BuilderKind.BuildKit, "secret\nDockerfile\n.dockerignore\n", "app busybox")]
    [InlineData(BuilderKind.Classic, "secret\nDockerfile\n.dockerignore\n", "app busybox")]
    [InlineData(BuilderKind.BuildKit, "secret\nDocker*\n", ".dockerignore app busybox")]
    [InlineData(BuilderKind.Classic, "secret\nDocker*\n", ".dockerignore app busybox")]
    [InlineData(BuilderKind.BuildKit, ".dockerignore\nsecret\n", "Dockerfile app busybox")]
    [InlineData(BuilderKind.BuildKit, "**\n!busybox\n!app/deep/er\n", "app busybox")]
    public async Task What_The_Rules_Leave_Out_Is_In_No_Image_Not_Even_The_Dockerfile(BuilderKind builder, string rules, string names)
    {
        await using var engine = Engines.To(fixture.Endpoint, builder);
        var marker = Guid.CreateVersion7(TimeProvider.System.GetUtcNow());
        var repository = new Repository(
            Repository.Busybox + "COPY . /all\nRUN echo \"has $(ls -A /all | sort | tr '\\n' ' ')and $(cat /all/app/deep/er/file) $(readlink /all/app/deep/er/link)\"\n")
            .File(".dockerignore", rules).File("secret", "s").File("app/deep/er/file", $"{marker}").Link("app/deep/er/link", "/out");
        var options = new ContextOptions { Ignore = DockerIgnore.Parse(rules) };

        await engine.BuildAsync(
            repository.Request("hidden") with { WriteContext = repository.Writer(options), HiddenFiles = options.Hidden }, _log, Token);

        _log.Lines.ShouldContain(line => line.EndsWith($"has {names} and {marker} /out", StringComparison.Ordinal), _log.Text);
    }

    [Fact]
    public async Task A_Large_Context_That_Is_Asked_For_File_By_File_Arrives_Whole_And_None_Of_Another_Build()
    {
        foreach (var content in new[] { "one", "two" })
        {
            // Equal in names, sizes and times: a builder that keeps a copy would not see the difference.
            var repository = new Repository(
                Repository.Busybox + "COPY . /all\nRUN echo $(cat /all/file) $(ls /all/many | wc -l) $(cat /all/many/* | wc -c) $(wc -c < /all/noise)\n")
                .File("file", content).Noise("noise", 3_000_001);
            for (var number = 0; number < 5000; number++)
            {
                repository.File($"many/{number}", number % 10 == 0 ? "" : "x");
            }

            var options = new ContextOptions { Ignore = DockerIgnore.Parse("Dockerfile") };
            var log = new LineLog();

            await _engine.BuildAsync(repository.Request("synced") with { WriteContext = repository.Writer(options), HiddenFiles = options.Hidden }, log, Token);

            log.Lines.ShouldContain(line => line.EndsWith($" {content} 5000 4500 3000001", StringComparison.Ordinal), log.Text);
        }
    }

    // The docker command sends a context file by file, a script a tar: the same has to come of both.
    [Fact]
    public async Task A_Context_That_Is_Held_And_One_That_Is_Streamed_Come_Into_The_Image_Alike()
    {
        List<string> files = [];
        foreach (var (size, step) in new[] { (1_000, "load build context"), (12_000_000, "copy /context /") })
        {
            var repository = new Repository(
                Repository.Busybox + "COPY . /all\nRUN cd /all && rm noise && echo \"has $(find . -type f -exec stat -c '%n %a %u:%g %Y %s' {} + | sort | tr '\\n' ';') $(readlink app/link)\"\n")
                .File("app/deep/file", "x").File("größe", "").Link("app/link", "deep/file").Noise("noise", size);
            var log = new LineLog();

            await _engine.BuildAsync(repository.Request("alike"), log, Token);

            log.Lines.ShouldContain(line => line.Contains(step, StringComparison.Ordinal), log.Text);
            files.Add(log.Lines.Single(line => line.Contains(" has ./", StringComparison.Ordinal)).Split(" has ")[1]);
        }

        files[0].ShouldContain("./app/deep/file 755 0:0 1577836800 1;");
        files[0].ShouldEndWith(" deep/file");
        files[1].ShouldBe(files[0]);
    }

    [Theory]
    [InlineData(BuilderKind.BuildKit, "/nowhere/at-all")]
    [InlineData(BuilderKind.Classic, "/nowhere/at-all")]
    [InlineData(BuilderKind.BuildKit, "../../outside")]
    public async Task A_Symbolic_Link_Comes_Into_The_Image_As_It_Is(BuilderKind builder, string target)
    {
        await using var engine = Engines.To(fixture.Endpoint, builder);
        var repository = new Repository(Repository.Busybox + "COPY app /app\nRUN echo it is \"$(readlink /app/link)\"\n")
            .File("app/file", "x").Link("app/link", target);

        await engine.BuildAsync(repository.Request("links"), _log, Token);

        _log.Lines.ShouldContain(line => line.EndsWith($"it is {target}", StringComparison.Ordinal), _log.Text);
    }

    [Fact]
    public async Task A_Context_Whose_First_Name_Is_Long_Is_Still_Taken_For_An_Archive()
    {
        var tree = Directory.CreateTempSubdirectory("rb-long-");
        try
        {
            var folder = tree.CreateSubdirectory(new string('a', 120));
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, new string('b', 120)), "x", Token);
            await File.WriteAllTextAsync(Path.Combine(tree.FullName, "z"), $"FROM scratch\nCOPY {folder.Name} /\n", Token);
            var options = new ContextOptions { Dockerfile = "z", Ignore = DockerIgnore.Parse("zz") };
            var request = new Repository("").Request("long") with
            {
                Dockerfile = "z",
                WriteContext = (body, token) => BuildContext.WriteDirectoryAsync(tree.FullName, body, options, token),
            };

            await _engine.BuildAsync(request, _log, Token);
        }
        finally
        {
            tree.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_Secret_Is_Mounted_And_One_That_Is_Missing_Is_Told()
    {
        var repository = new Repository(Repository.Busybox + "RUN --mount=type=secret,id=npm,required=true wc -c < /run/secrets/npm\n");
        var request = repository.Request("secret");

        await _engine.BuildAsync(request with { Secrets = new Dictionary<string, Secret> { ["npm"] = new("12345678") } }, _log, Token);

        _log.Lines.ShouldContain(line => line.EndsWith(" 8", StringComparison.Ordinal), _log.Text);
        var other = new Repository(Repository.Busybox + "RUN --mount=type=secret,id=tok,required=true true\n");
        var fault = await Should.ThrowAsync<BuildFailedException>(() => _engine.BuildAsync(other.Request("nosecret"), _log, Token));
        fault.Message.ShouldContain("secret tok");
    }

    [Theory]
    [InlineData(BuilderKind.BuildKit)]
    [InlineData(BuilderKind.Classic)]
    public async Task A_Failing_Step_Is_Told_With_Its_Words_And_Exit_Code(BuilderKind builder)
    {
        await using var engine = Engines.To(fixture.Endpoint, builder);
        var request = new Repository(Repository.Busybox + "RUN echo these are my last words && exit 7\n").Request("failing");

        var fault = await Should.ThrowAsync<BuildFailedException>(() => engine.BuildAsync(request, _log, Token));

        fault.Message.ShouldContain("7");
        fault.IsTransient.ShouldBeFalse();
        _log.Lines.ShouldContain(line => line.EndsWith("these are my last words", StringComparison.Ordinal), _log.Text);
    }

    [Theory]
    [InlineData(BuilderKind.BuildKit, "FROM scratch\nRNU x\n", "unknown instruction: RNU")]
    [InlineData(BuilderKind.Classic, "FROM scratch\nRNU x\n", "unknown instruction: RNU")]
    [InlineData(BuilderKind.BuildKit, "FROM scratch\nCOPY nowhere /\n", ".dockerignore")]
    [InlineData(BuilderKind.BuildKit, "FROM 127.0.0.1:9/gone:1\n", "connection refused")]
    [InlineData(BuilderKind.BuildKit, "FROM registry.invalid/gone:1\n", "DNS does not know registry.invalid,")]
    [InlineData(BuilderKind.Classic, "FROM registry.invalid/gone:1\n", "DNS does not know registry.invalid,")]
    public async Task A_Dockerfile_That_Cannot_Build_Is_Told_In_The_Builders_Words_With_A_Cure(BuilderKind builder, string dockerfile, string words)
    {
        await using var engine = Engines.To(fixture.Endpoint, builder);
        var fault = await Should.ThrowAsync<BuildFailedException>(() => engine.BuildAsync(new Repository(dockerfile).Request("wrong"), _log, Token));
        fault.Message.ShouldContain(words);
        fault.IsTransient.ShouldBe(dockerfile.Contains("gone", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_Heredoc_Builds_Or_Its_Cure_Is_Told()
    {
        var request = new Repository(Repository.Busybox + "RUN <<EOF\necho out of a heredoc\nEOF\n").Request("heredoc");
        var major = int.Parse((await _engine.GetVersionAsync(Token)).Version.Split('.')[0], CultureInfo.InvariantCulture);
        if (major < 23)
        {
            (await Should.ThrowAsync<BuildFailedException>(() => _engine.BuildAsync(request, _log, Token))).Message.ShouldContain("need an engine from 23.0 on");
            return;
        }

        await _engine.BuildAsync(request, _log, Token);
        _log.Lines.ShouldContain(line => line.EndsWith(" out of a heredoc", StringComparison.Ordinal), _log.Text);
    }

    [Theory]
    [InlineData(BuilderKind.BuildKit)]
    [InlineData(BuilderKind.Classic)]
    public async Task A_Request_That_Is_Refused_Before_The_Context_Is_Read_Is_Told_In_The_Engines_Words(BuilderKind builder)
    {
        await using var engine = Engines.To(fixture.Endpoint, builder);
        var request = new Repository(Repository.Busybox).Noise("noise", 8_000_000).Request("refused") with { LocalTag = "releasebot/UPPER:build" };
        var fault = await Should.ThrowAsync<BuildFailedException>(() => engine.BuildAsync(request, _log, Token));
        fault.Message.ShouldContain("invalid reference format");
    }

    [Theory]
    [InlineData(BuilderKind.BuildKit, 3_000_000)]
    [InlineData(BuilderKind.BuildKit, 12_000_000)]
    [InlineData(BuilderKind.Classic, 3_000_000)]
    public async Task A_Cut_Archive_Builds_Nothing_And_Its_Fault_Comes_Out_Unchanged(BuilderKind builder, int size)
    {
        await using var engine = Engines.To(fixture.Endpoint, builder);
        var repository = new Repository("FROM scratch\nCOPY . /\n").Noise("noise", size);
        var archive = repository.Archive();
        var request = repository.Request("cut") with
        {
            WriteContext = (body, token) => BuildContext.WriteAsync(new MemoryStream(archive, 0, archive.Length - 9), body, new ContextOptions(), token),
        };

        var fault = await Should.ThrowAsync<ContextException>(() => engine.BuildAsync(request, _log, Token));

        fault.Fault.ShouldBe(ContextFault.Truncated);
        (await engine.HasImageAsync(request.LocalTag, Token)).ShouldBeFalse();
    }

    [Theory]
    [InlineData(BuilderKind.BuildKit)]
    [InlineData(BuilderKind.Classic)]
    public async Task A_Private_Base_Is_Pulled_With_Its_Credentials_And_Not_Without(BuilderKind builder)
    {
        await using var registry = await PrivateRegistry.StartAsync(Token);
        await using var engine = Engines.To(fixture.Endpoint, builder);
        var name = $"base-{builder}".ToLowerInvariant();
        var made = await _engine.BuildAsync(new Repository(Repository.Busybox + $"RUN echo {name} > /name\n").Request(name), _log, Token);
        ImageRef.TryParse($"{registry.Host}/private/{name}:1", out var reference).ShouldBeTrue();
        await _engine.PushAsync(made.ImageId, reference, registry.Bob, TimeSpan.FromMinutes(1), progress: null, Token);
        var repository = new Repository($"FROM {reference}\nRUN cat /name\n");

        await engine.BuildAsync(repository.Request($"{name}-user") with { PullCredentials = [registry.Bob] }, _log, Token);

        _log.Lines.ShouldContain(line => line.EndsWith(name, StringComparison.Ordinal), _log.Text);
        // Also now that its layers are at the engine: a base pulled once is not free for all.
        var without = await Should.ThrowAsync<BuildFailedException>(() => engine.BuildAsync(repository.Request($"{name}-none"), _log, Token));
        without.Message.ShouldContain("Pull");
        var wrong = registry.Bob with { Password = new Secret("wrong-password") };
        var refused = await Should.ThrowAsync<BuildFailedException>(() => engine.BuildAsync(repository.Request($"{name}-wrong") with { PullCredentials = [wrong] }, _log, Token));
        refused.Message.ShouldNotContain("wrong-password");
        (_log.Text + without.Message).ShouldNotContain(PrivateRegistry.Password);
    }

    [Fact]
    public async Task The_Classic_Builder_Refuses_What_It_Cannot_Do()
    {
        await using var engine = Engines.To(fixture.Endpoint, BuilderKind.Classic);
        var request = new Repository(Repository.Busybox).Request("classic");
        var secrets = request with { Secrets = new Dictionary<string, Secret> { ["npm"] = new("x") } };
        (await Should.ThrowAsync<BuildFailedException>(() => engine.BuildAsync(secrets, _log, Token))).Message.ShouldContain("BuildSecrets");
        (await Should.ThrowAsync<BuildFailedException>(() => engine.BuildAsync(request with { Platform = "linux/riscv64" }, _log, Token))).Message.ShouldContain("linux/riscv64");
    }

    [Fact]
    public async Task Builds_Side_By_Side_Each_Get_Their_Own_Secret()
    {
        await Task.WhenAll(Enumerable.Range(1, 4).Select(async number =>
        {
            var log = new LineLog();
            var repository = new Repository(Repository.Busybox + $"RUN --mount=type=secret,id=own,required=true echo is $(cat /run/secrets/own) # {number}\n");
            await _engine.BuildAsync(
                repository.Request($"side-{number}") with { Secrets = new Dictionary<string, Secret> { ["own"] = new($"number-{number}") } }, log, Token);
            log.Lines.ShouldContain(line => line.EndsWith($" is number-{number}", StringComparison.Ordinal), log.Text);
        }));
    }

    [Fact]
    public async Task Pruning_Reclaims_The_Cache()
    {
        await _engine.BuildAsync(new Repository("FROM scratch\nCOPY noise /\n").Noise("noise", 5_000_000).Request("prune"), _log, Token);
        (await _engine.PruneBuildCacheAsync(1_000_000_000_000, Token)).ShouldBe(0);
        (await _engine.PruneBuildCacheAsync(0, Token)).ShouldBeGreaterThan(5_000_000);
    }
}
