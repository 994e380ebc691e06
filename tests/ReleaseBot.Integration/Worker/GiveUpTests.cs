using Microsoft.EntityFrameworkCore;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Integration.GitLab;
using ReleaseBot.Integration.History;
using ReleaseBot.Integration.Registries;
using ReleaseBot.Parts;
using ReleaseBot.Registries;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.Registry;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Worker;

/// <summary>What a release that has waited for too long says of each of its images, with two real registries.</summary>
public abstract class GiveUpTests(IDatabases databases) : WorkerTest(databases)
{
    private const string Tag = "v1.0.0";

    private readonly TestImage _image = TestImage.Create(64);
    private GitLabFixture _gitLab = null!;
    private StandInRepository _clone = null!;
    private DockerRegistry _main = null!;
    private DockerRegistry _other = null!;
    private FaultProxy _wayToMain = null!;
    private FaultProxy _wayToOther = null!;
    private RegistryClients _clients = null!;
    private TestWorker _worker = null!;

    private ProjectRule Rule => new()
    {
        Path = new ProjectPathPattern("**"),
        Images = [ImagesOf("main", _wayToMain.Host, "{tag}", "latest"), ImagesOf("other", _wayToOther.Host, "{tag}", "latest")],
    };

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _gitLab = Keep(await GitLabFixture.StartAsync());
        var project = await _gitLab.GitLab.AddProjectAsync(Repository, 7, Token);
        project.ProtectedTags.Add("v*");
        _clone = Keep(await StandInRepository.CreateAsync(_gitLab.GitLab, project, Token));
        _main = await StartRegistryAsync();
        _other = await StartRegistryAsync();
        _wayToMain = await WayToAsync(_main);
        _wayToOther = await WayToAsync(_other);
        _clients = ClientsOf(("main", _wayToMain.Host), ("other", _wayToOther.Host));
        _worker = Keep(new TestWorker(History, _clients, Rule, _gitLab.Settings));
    }

    [Fact]
    public async Task Image_Of_A_Registry_That_Stays_Away_Has_Failed_And_The_Floating_Tags_Say_What_They_Waited_For()
    {
        await WaitForADayAsync();
        _wayToOther.On(_ => true, new ProxyFault.Answer(503), int.MaxValue);

        var release = await GiveUpAsync();

        release.ReasonCode.ShouldBe(ReasonCode.RegistryUnavailable);
        release.ReasonMessage.ShouldNotBeNull().ShouldStartWith("Given up after 1.00:00:00: Waiting for other: ");
        release.Images.Select(image => (image.Status, image.Digest)).ShouldBe(
            [(ImageStatus.Pushed, _image.Manifest.Digest.Value), (ImageStatus.Pending, null), (ImageStatus.Failed, null), (ImageStatus.Pending, null)]);
        var (main, latest, other) = (release.Images[0], release.Images[1], release.Images[2]);
        main.Reason.ShouldBeNull();
        latest.Reason.ShouldBe(release.Reason);
        release.Images[3].Reason.ShouldBe(release.Reason);
        (other.ReasonCode, other.ReasonMessage).ShouldNotBe((release.ReasonCode, release.ReasonMessage));
        other.ReasonMessage.ShouldNotBeNull().ShouldContain("503");
    }

    [Fact]
    public async Task Floating_Tag_Of_A_Registry_That_Would_Not_Move_It_Has_Failed_Alone()
    {
        await WaitForADayAsync();
        _wayToOther.On(request => request.Is("PUT", "/manifests/latest"), new ProxyFault.Answer(503), int.MaxValue);

        var release = await GiveUpAsync();

        release.Images.Select(image => (image.Status, image.ReasonCode)).ShouldBe(
            [(ImageStatus.Pushed, null), (ImageStatus.Pushed, null), (ImageStatus.Pushed, null), (ImageStatus.Failed, ReasonCode.RegistryUnavailable)]);
    }

    [Fact]
    public async Task Image_That_Would_Have_Come_From_A_Registry_That_Stays_Away_Was_Not_Tried()
    {
        await WaitForADayAsync(isRecorded: false);
        _wayToMain.On(_ => true, new ProxyFault.Answer(503), int.MaxValue);

        var release = await GiveUpAsync();

        release.ReasonMessage.ShouldNotBeNull().ShouldContain("Waiting for main: ");
        release.Images.Select(image => image.Status).ShouldBe([ImageStatus.Failed, ImageStatus.Pending, ImageStatus.Pending, ImageStatus.Pending]);
        release.Images.Skip(1).ShouldAllBe(image => image.ReasonMessage == release.ReasonMessage);
    }

    [Fact]
    public async Task What_An_Image_Waited_For_Before_Is_Not_What_It_Fails_For()
    {
        await WaitForADayAsync();
        _gitLab.GitLab.AddFault(new StandInFault { Kind = StandInFaultKind.Status, Status = 502 });

        var release = await GiveUpAsync();

        release.ReasonCode.ShouldBe(ReasonCode.GitlabUnavailable);
        release.Images.Select(image => (image.Status, image.ReasonCode)).ShouldBe(
        [
            (ImageStatus.Pushed, null), (ImageStatus.Failed, ReasonCode.GitlabUnavailable), (ImageStatus.Failed, ReasonCode.GitlabUnavailable),
            (ImageStatus.Failed, ReasonCode.GitlabUnavailable),
        ]);
    }

    [Fact]
    public async Task Image_Whose_Last_Put_Came_To_Pass_Without_An_Answer_Is_Pushed_All_The_Same()
    {
        await WaitForADayAsync();
        _wayToOther.On(request => request.Is("PUT", $"/manifests/{Tag}"), new ProxyFault.Change((_, answer) => answer.Status = 503), int.MaxValue);

        var release = await GiveUpAsync();

        release.ReasonCode.ShouldBe(ReasonCode.RegistryUnavailable);
        release.Images.Select(image => image.Status).ShouldBe([ImageStatus.Pushed, ImageStatus.Pending, ImageStatus.Pushed, ImageStatus.Pending]);
    }

    /// <summary>A release that is built and in one registry, and has waited for the other for as long as it may.</summary>
    /// <param name="isRecorded">Whether it is known that the first registry has it.</param>
    private async Task WaitForADayAsync(bool isRecorded = true)
    {
        var commit = await _clone.CommitAsync(new Dictionary<string, string?> { ["Dockerfile"] = "FROM scratch\n" }, "First", Token);
        await _clone.TagAsync(Tag, null, Token);
        await _clone.PushAsync(Token, "HEAD:refs/heads/main", Tag);
        await AcceptAsync(7, GitRef.Tag(Tag), ObjectId.Parse(commit));
        await QueueAsync(Rule);
        var claimed = await ClaimRunAsync();
        var (version, other) = (claimed.Release.Images[0], claimed.Release.Images[2]);
        await BuildAsync(claimed, _image);
        await _image.PushAsync(_main.Host, Repository, Tag, Token);
        await RecordPushedAsync(claimed, version, _image);
        if (!isRecorded)
        {
            await History.Ledger.RecordImageAsync(claimed, version.Ordinal, ImageStatus.Pending, null, null, Token);
        }

        var away = new Reason(ReasonCode.RegistryUnavailable, "other answers nothing.");
        await History.Ledger.RecordImageAsync(claimed, other.Ordinal, ImageStatus.Pending, null, away, Token);
        await History.Ledger.ParkAsync(claimed, away, TimeSpan.Zero, Token);
        await History.Database.WriteAsync(
            (context, token) => context.Releases.ExecuteUpdateAsync(row => row.SetProperty(release => release.WaitingSince, DateTimeOffset.UnixEpoch), token), Token);
    }

    private async Task<Release> GiveUpAsync()
    {
        var claimed = await ClaimRunAsync();
        await _worker.RunAsync(claimed, Token);
        var release = await ReadAsync(claimed.Release.Id);
        release.Status.ShouldBe(ReleaseStatus.Failed);
        return release;
    }
}

public sealed class GiveUpOnSqlite() : GiveUpTests(new SqliteDatabases());

public sealed class GiveUpOnPostgres(PostgresServer server) : GiveUpTests(new PostgresDatabases(server));
