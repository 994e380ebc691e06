using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Integration.History;
using ReleaseBot.Registries;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Worker;

/// <summary>A put under a tag's lock, and what comes in between.</summary>
public sealed class TagLockTests
{
    private static readonly ImageRef Latest = new(new ImageRepository("registry.example", "acme/app"), "latest");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task What_A_Straggler_Puts_Before_The_Read_Back_Is_Put_Right(int stragglers)
    {
        using ImaginedRegistry registry = new();
        var (ours, late) = (registry.Build("ours"), registry.Build("a straggler's"));
        using var client = Client(new Straggler(registry, late.Digest, stragglers));

        await TagLock.PutAsync(client, Latest, ours, _ => Task.CompletedTask, Token);

        (await registry.GetAsync(Latest, Token)).ShouldBe(ours.Digest);
    }

    [Fact]
    public async Task A_Registry_That_Never_Shows_What_Was_Put_Is_Told()
    {
        using ImaginedRegistry registry = new();
        var (ours, other) = (registry.Build("ours"), registry.Build("another"));
        using var client = Client(new Straggler(registry, other.Digest, int.MaxValue));

        (await Should.ThrowAsync<RegistryException>(TagLock.PutAsync(client, Latest, ours, _ => Task.CompletedTask, Token))).Fault.ShouldBe(RegistryFault.Corrupt);
    }

    [Fact]
    public async Task Who_Slept_Before_The_Read_Back_Is_The_Straggler_And_Puts_Nothing_More()
    {
        using ImaginedRegistry registry = new();
        var (ours, successors) = (registry.Build("ours"), registry.Build("a successor's"));
        using var client = Client(new Straggler(registry, successors.Digest, 1));
        var opened = 0;

        await Should.ThrowAsync<FencedOffException>(TagLock.PutAsync(
            client, Latest, ours, _ => ++opened == 1 ? Task.CompletedTask : throw new FencedOffException(Guid.Empty, 1), Token));

        (await registry.GetAsync(Latest, Token)).ShouldBe(successors.Digest);
    }

    [Fact]
    public async Task A_Tag_That_Another_Holds_Is_Waited_For_And_Not_For_Long()
    {
        var clock = new FakeTimeProvider();
        var (start, asked) = (clock.GetUtcNow(), 0);

        (await WaitAsync(() => ++asked == 3)).ShouldBeTrue();
        (await WaitAsync(() => false)).ShouldBeFalse();

        (clock.GetUtcNow() - start).ShouldBeInRange(TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1));

        async Task<bool> WaitAsync(Func<bool> isFree)
        {
            var waiting = TagLock.WaitAsync(_ => Task.FromResult(isFree()), clock, Token);
            while (!waiting.IsCompleted)
            {
                clock.Advance(TimeSpan.FromMilliseconds(200));
                await Task.Yield();
            }

            return await waiting;
        }
    }

    private static RegistryClient Client(HttpMessageHandler way) => new(
        new RegistrySettings { Name = "main", Host = Latest.Repository.Host }, new TrustedRealms(new Uri("https://gitlab.example/")), TimeProvider.System,
        NullLogger<RegistryClient>.Instance, RegistryLimits.Default, way);

    /// <summary>After each of our first puts comes another's.</summary>
    private sealed class Straggler(ImaginedRegistry registry, Digest late, int puts) : DelegatingHandler(registry.Connect())
    {
        private int _left = puts;

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var answer = await base.SendAsync(request, cancellationToken);
            if (request.Method == HttpMethod.Put && _left-- > 0)
            {
                await registry.PushAsync(Latest, late, cancellationToken);
            }

            return answer;
        }
    }
}
