using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.History;
using ReleaseBot.Integration.History;
using ReleaseBot.Notifications;
using ReleaseBot.StandIns.Chat;
using ReleaseBot.Web;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Notifications;

/// <summary>What the outbox holds, told over real sockets.</summary>
public sealed class NotifyServiceTests() : HistoryTest(new SqliteDatabases())
{
    private static readonly string[] Others = ["other", "other-2", "other-3", "other-4"];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private ChannelSender _sender = null!;
    private ChatStandIn _team = null!;
    private ChatStandIn _other = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _team = Keep(await ChatStandIn.StartAsync(new ChatOptions(), Token));
        _other = Keep(await ChatStandIn.StartAsync(new ChatOptions(), Token));
        _sender = Keep(new ChannelSender(TimeProvider.System, NullLogger<ChannelSender>.Instance));
    }

    [Fact]
    public async Task Channels_That_Do_Not_Answer_Delay_No_Other()
    {
        const int Releases = 8;
        for (var number = 0; number < Releases; number++)
        {
            foreach (var _ in Others)
            {
                _other.Script(new ChatFault.Hang());
            }

            await EndAsync(number, [.. Others, "team"]);
        }

        using var service = Service();
        await service.StartAsync(Token);
        for (var number = 0; number < Releases; number++)
        {
            await _team.WaitForAsync(message => message.Body.Contains($"v1.0.{number}", StringComparison.Ordinal), Patience, Token);
        }

        // One that hung would be recorded once it is given up.
        _other.Requests.ShouldBeEmpty();
        await service.StopAsync(Token);
    }

    [Fact]
    public async Task Of_A_Channel_That_Does_Not_Answer_A_Few_Messages_Are_On_Their_Way()
    {
        const int Releases = 14;
        for (var number = 0; number < Releases; number++)
        {
            _other.Script(new ChatFault.Hang());
            await EndAsync(number, Others[0]);
        }

        await EndAsync(Releases, "team");
        using var service = Service();
        await service.StartAsync(Token);
        // Of the last to be due: whatever else could be taken is.
        await _team.WaitForAsync(_ => true, Patience, Token);

        (await History.RowsAsync<OutboxMessage>()).Count(message => message is { Channel: "other", LeaseUntil: not null }).ShouldBeInRange(1, 9);
        await service.StopAsync(Token);
    }

    [Fact]
    public async Task What_Hangs_At_A_Shutdown_Is_Given_Back()
    {
        var slow = await EndAsync(0, Others[0]);
        _other.Script(new ChatFault.Hang());
        using var service = Service();
        await service.StartAsync(Token);
        await _other.WaitUntilHangingAsync(Token);
        (await History.Outbox.ClaimAsync(5, History.Lease, [], Token)).ShouldBeEmpty();

        await service.StopAsync(Token);

        var message = (await History.Outbox.ClaimAsync(5, History.Lease, [], Token)).ShouldHaveSingleItem();
        (message.Release.Id, message.Tries).ShouldBe((slow, 0));
    }

    [Fact]
    public async Task Whoever_Stops_Has_Told_What_It_Took()
    {
        var ids = new List<Guid>();
        for (var number = 0; number < 8; number++)
        {
            ids.Add(await EndAsync(number, "team"));
        }

        using var service = Service();
        await service.StartAsync(Token);
        await _team.WaitForAsync(_ => true, Patience, Token);
        await service.StopAsync(Token);

        var settled = 0;
        foreach (var id in ids)
        {
            settled += (await History.Queries.MessagesAsync(id, Token)).Count(message => message.DeliveredAt is not null);
        }

        settled.ShouldBe(_team.Taken.Count);
        (await History.Outbox.ClaimAsync(20, History.Lease, [], Token)).Count.ShouldBe(ids.Count - settled);
    }

    private async Task<Guid> EndAsync(int number, params string[] channels)
    {
        var id = await QueueTagAsync(7, $"v1.0.{number}", number + 1);
        NotifyRule[] tellings = [.. channels.Select(channel => new NotifyRule(channel, new HashSet<Outcome> { Outcome.Failed }))];
        await History.Ledger.FinishAsync(await ClaimRunAsync(), ReleaseStatus.Failed, new Reason(ReasonCode.BuildFailed, "exit code 1"), tellings, Token);
        return id;
    }

    private NotifyService Service()
    {
        var settings = new ReleaseBotSettings
        {
            GitLab = new GitLabSettings(),
            Registries = new Dictionary<string, RegistrySettings>(),
            Projects = [],
            Channels = Others.Select(name => ChannelOf(name, _other)).Append(ChannelOf("team", _team)).ToDictionary(channel => channel.Name),
            Engine = new EngineSettings(),
            Storage = History.Storage,
            Bus = new BusSettings(),
            Access = new AccessSettings(),
            Publishing = new PublishingSettings(),
            Retention = new RetentionSettings(),
            Reconcile = new ReconcileSettings(),
        };
        // Nothing here is told to GitLab.
        var gitLab = new GitLabWriteBack(new GitLabClient(settings.GitLab, TimeProvider.System, NullLogger<GitLabClient>.Instance), settings);
        return new NotifyService(History.Outbox, _sender, gitLab, settings, TimeProvider.System, NullLogger<NotifyService>.Instance);
    }

    private static ChannelSettings ChannelOf(string name, ChatStandIn chat) =>
        new() { Name = name, Kind = ChannelKind.Slack, Url = new Secret(chat.SlackUrl.AbsoluteUri) };
}
