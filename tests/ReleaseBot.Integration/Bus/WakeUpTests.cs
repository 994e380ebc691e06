using System.Text.RegularExpressions;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using ReleaseBot.Bus;
using ReleaseBot.Configuration;
using ReleaseBot.Core;
using ReleaseBot.Hosting;
using ReleaseBot.Parts;
using ReleaseBot.Web;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Bus;

/// <summary>The wake-up alone, with no database that could wake a worker too.</summary>
public sealed class WakeUpTests(WakeUpTests.FallingBroker falling) : IClassFixture<WakeUpTests.FallingBroker>
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan SendLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>What readiness may be behind the truth.</summary>
    private static readonly TimeSpan SomeSeconds = TimeSpan.FromSeconds(15);

    /// <summary>RabbitMQ 3.10 writes the names of its quorum queues to disk half a second after they were declared. One that crashes before has a queue without a leader for ever.</summary>
    private static readonly TimeSpan UntilQueueIsOnDisk = TimeSpan.FromSeconds(3);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Idle_Worker_Of_The_Same_Process_Is_Woken_In_Memory()
    {
        await using var bot = await Member.StartAsync(new BusSettings(), Roles.Web | Roles.Worker);

        await bot.SendAsync();

        await bot.ShouldWakeAsync();
    }

    [Fact]
    public async Task Idle_Worker_Is_Woken_Over_A_Quorum_Queue()
    {
        await using var broker = await RabbitMqServer.StartAsync(Token);
        var settings = new BusSettings { Transport = BusTransport.RabbitMq, Uri = new Secret(broker.Uri.AbsoluteUri) };
        await using var web = await Member.StartAsync(settings, Roles.Web);
        // There is no worker's queue yet, and RabbitMQ would drop it without a word.
        await Should.ThrowAsync<MessageReturnedException>(web.SendAsync());
        await using var worker = await Member.StartAsync(settings, Roles.Worker);

        await web.SendAsync();
        await worker.ShouldWakeAsync();
        await ShouldBeQuorumAsync(broker);
    }

    [Fact]
    public async Task Idle_Worker_Is_Woken_Again_After_The_Broker_Crashed()
    {
        var broker = falling.Server;
        var settings = new BusSettings { Transport = BusTransport.RabbitMq, Uri = new Secret(broker.Uri.AbsoluteUri) };
        await using var web = await Member.StartAsync(settings, Roles.Web);
        await using var worker = await Member.StartAsync(settings, Roles.Worker);
        await web.SendAsync();
        await worker.ShouldWakeAsync();
        await Task.Delay(UntilQueueIsOnDisk, TimeProvider.System, Token);

        await broker.StopAsync();
        await Should.ThrowAsync<OperationCanceledException>(web.SendAsync());
        await broker.ResumeAsync(Token);

        await worker.UntilAsync(isConnected: true, Limit);
        await web.SendAsync();
        await worker.ShouldWakeAsync();
    }

    [Theory]
    [InlineData("Web")]
    [InlineData("Worker")]
    public async Task Readiness_Tells_Within_Seconds_That_The_Broker_Died_And_That_It_Is_Back(string role)
    {
        var broker = falling.Server;
        var settings = new BusSettings { Transport = BusTransport.RabbitMq, Uri = new Secret(broker.Uri.AbsoluteUri) };
        await using var member = await Member.StartAsync(settings, Enum.Parse<Roles>(role));
        await Task.Delay(UntilQueueIsOnDisk, TimeProvider.System, Token);

        await broker.StopAsync();
        await member.UntilAsync(isConnected: false, SomeSeconds);
        await broker.ResumeAsync(Token);
        await member.UntilAsync(isConnected: true, SomeSeconds);
    }

    [Fact]
    public async Task What_Is_Declared_Is_Durable_And_Has_Our_Name_And_A_User_Who_May_Do_No_More_Is_Enough()
    {
        await using var broker = await RabbitMqServer.StartAsync(Token);
        var address = await broker.AddUserAsync("releasebot", @"^releasebot\..*", Token);
        var settings = new BusSettings { Transport = BusTransport.RabbitMq, Uri = new Secret(address.AbsoluteUri) };
        await using var worker = await Member.StartAsync(settings, Roles.Worker);
        await using var web = await Member.StartAsync(settings, Roles.Web);

        await web.SendAsync();
        await worker.ShouldWakeAsync();

        // Queues that are neither durable nor exclusive are denied from RabbitMQ 4.3 on.
        var queues = await broker.ControlAsync(["list_queues", "name", "durable", "--no-table-headers"], Token);
        queues.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order().Select(row => Regex.Replace(row, "[0-9a-f]{16}", "…")).ShouldBe(
            ["releasebot.bus.…\ttrue", "releasebot.releases.v1\ttrue"]);
        var exchanges = await broker.ControlAsync(["list_exchanges", "name", "--no-table-headers"], Token);
        exchanges.Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldAllBe(name => name.StartsWith("amq.") || name.StartsWith("releasebot."));
    }

    [Fact]
    public async Task Broker_That_Is_Away_Keeps_Nobody_From_Starting()
    {
        var settings = new BusSettings { Transport = BusTransport.RabbitMq, Uri = new Secret($"amqp://guest:guest@127.0.0.1:{Ports.Free()}/") };

        await using var web = await Member.StartAsync(settings, Roles.Web, isThere: false);

        (await web.IsConnectedAsync()).ShouldBeFalse();
    }

    [Theory]
    [InlineData("Web")]
    [InlineData("Worker")]
    public async Task Who_Was_Refused_Is_Connected_Once_The_User_Is_Let_In(string role)
    {
        var broker = falling.Server;
        var name = $"late-{role}";
        var settings = new BusSettings { Transport = BusTransport.RabbitMq, Uri = new Secret(new UriBuilder(broker.Uri) { UserName = name, Password = name }.Uri.AbsoluteUri) };
        await using var member = await Member.StartAsync(settings, Enum.Parse<Roles>(role), isThere: false);
        // It has been refused several times by then.
        await Task.Delay(TimeSpan.FromSeconds(5), TimeProvider.System, Token);
        (await member.IsConnectedAsync()).ShouldBeFalse();

        await broker.AddUserAsync(name, ".*", Token);
        await member.UntilAsync(isConnected: true, Limit);

        // And while it is connected: another password, its connections closed, and the old password again.
        await broker.ControlAsync(["change_password", name, "another"], Token);
        await broker.ControlAsync(["close_all_connections", "test"], Token);
        await member.UntilAsync(isConnected: false, Limit);
        await Task.Delay(TimeSpan.FromSeconds(5), TimeProvider.System, Token);
        await broker.ControlAsync(["change_password", name, name], Token);
        await member.UntilAsync(isConnected: true, Limit);
    }

    [Fact]
    public async Task A_Check_Says_What_RabbitMq_Refuses()
    {
        var broker = falling.Server;
        var allowed = await broker.AddUserAsync("checked", @"^releasebot\..*", Token);
        var denied = await broker.AddUserAsync("denied", "^nothing$", Token);

        (await AskAsync(allowed)).Verdict.ShouldBe(Verdict.Ok);
        await ShouldRefuseAsync(denied, "ACCESS_REFUSED");
        await ShouldRefuseAsync(new UriBuilder(allowed) { Password = "wrong" }.Uri, "ACCESS_REFUSED");
        await ShouldRefuseAsync(new UriBuilder(allowed) { Path = "/nowhere" }.Uri, "nowhere");
        var silent = await AskAsync(new UriBuilder(allowed) { Port = Ports.Free() }.Uri);
        (silent.Verdict, silent.Finding.StartsWith("nothing answers as RabbitMQ at 127.0.0.1:", StringComparison.Ordinal)).ShouldBe((Verdict.Failed, true));
        (await broker.ControlAsync(["list_queues", "name", "--no-table-headers"], Token)).ShouldNotContain("releasebot.check.");

        static Task<CheckResult> AskAsync(Uri address) =>
            BusCheck.AskAsync(new BusSettings { Transport = BusTransport.RabbitMq, Uri = new Secret(address.AbsoluteUri) }, Token);

        static async Task ShouldRefuseAsync(Uri address, string expected)
        {
            var result = await AskAsync(address);
            result.Verdict.ShouldBe(Verdict.Failed);
            result.Finding.ShouldContain(expected);
            result.Finding.ShouldContain("refuses us");
        }
    }

    /// <summary>Declared as another type, it would be another queue's name.</summary>
    private static async Task ShouldBeQuorumAsync(RabbitMqServer broker)
    {
        await using var connection = await new ConnectionFactory { Uri = broker.Uri }.CreateConnectionAsync(Token);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: Token);
        var fault = await Should.ThrowAsync<OperationInterruptedException>(
            channel.QueueDeclareAsync("releasebot.releases.v1", durable: true, exclusive: false, autoDelete: false, cancellationToken: Token));
        fault.Message.ShouldContain("quorum");
    }

    /// <summary>One broker for the tests that take it down and back, to which it is all the same what is declared in it already.</summary>
    public sealed class FallingBroker : IAsyncLifetime
    {
        private RabbitMqServer? _server;

        internal RabbitMqServer Server => _server ?? throw new InvalidOperationException("The broker has not been started.");

        public async ValueTask InitializeAsync() => _server = await RabbitMqServer.StartAsync(CancellationToken.None);

        public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    /// <summary>A process of the bot as far as the bus knows it.</summary>
    private sealed class Member : IAsyncDisposable
    {
        private readonly ServiceProvider _services;

        private Member(ServiceProvider services) => _services = services;

        /// <summary>As <c>/healthz/ready</c> says.</summary>
        public async Task<bool> IsConnectedAsync() => await _services.GetRequiredService<IReadinessProbe>().CheckAsync(Token) is null;

        /// <param name="isThere">The broker is, and is waited for.</param>
        public static async Task<Member> StartAsync(BusSettings settings, Roles roles, bool isThere = true)
        {
            var services = new ServiceCollection().AddLogging().AddSingleton(TimeProvider.System).AddSingleton<WorkerWakeUps>()
                .AddReleaseBotBus(settings, roles).BuildServiceProvider();
            var member = new Member(services);
            foreach (var service in services.GetServices<IHostedService>())
            {
                await service.StartAsync(Token).WaitAsync(Limit, TimeProvider.System, Token);
            }

            if (isThere)
            {
                await member.UntilAsync(isConnected: true, Limit);
            }

            return member;
        }

        public async Task UntilAsync(bool isConnected, TimeSpan limit)
        {
            var start = TimeProvider.System.GetTimestamp();
            while (await IsConnectedAsync() != isConnected)
            {
                TimeProvider.System.GetElapsedTime(start).ShouldBeLessThan(limit, isConnected ? "the bus was not there in time" : "nobody noticed that the bus had gone");
                await Task.Delay(Pause, TimeProvider.System, Token);
            }
        }

        public async Task SendAsync()
        {
            // As who dispatches does: nothing waits for a bus that is away.
            using var limit = new CancellationTokenSource(SendLimit, TimeProvider.System);
            await _services.GetRequiredService<IWorkSignal>().SendAsync(Guid.CreateVersion7(TimeProvider.System.GetUtcNow()), limit.Token);
        }

        public async Task ShouldWakeAsync()
        {
            var wakeUps = _services.GetRequiredService<WorkerWakeUps>();
            var start = TimeProvider.System.GetTimestamp();
            await wakeUps.Slots.WaitAsync(Limit, Token);
            await wakeUps.Tags.WaitAsync(Limit, Token);
            TimeProvider.System.GetElapsedTime(start).ShouldBeLessThan(Limit, "nobody was woken");
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var service in _services.GetServices<IHostedService>().Reverse())
            {
                await service.StopAsync(CancellationToken.None);
            }

            await _services.DisposeAsync();
        }
    }
}
