using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Web;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Web;

/// <summary>What is asked of registries, how long it is waited for, and what is said of the answer.</summary>
public sealed class RegistryQuestionsTests
{
    private static readonly FakeTimeProvider Clock = new();

    private static readonly Dictionary<ImageRef, IReadOnlyCollection<Digest>> Nothing = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_Registry_That_Does_Not_Answer_Is_Named_And_The_Others_Count()
    {
        var reader = new Reader();
        var questions = new RegistryQuestions(Clock, reader);

        var asking = questions.AskAsync([Of("a.example", "v1"), Of("a.example", "latest"), Of("silent.example", "v1"), Of("denied.example", "v1")], Nothing, Token);
        await reader.Silent.Task.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, Token);
        Clock.Advance(TimeSpan.FromSeconds(10));
        var (facts, note) = await asking;

        facts.Tags.Keys.Select(image => image.ToString()).ShouldBe(["a.example/acme/app:v1", "a.example/acme/app:latest"], ignoreOrder: true);
        facts.Tags[Of("a.example", "v1").Image].ImageId.ShouldBe("sha256:config");
        facts.Listed.ShouldHaveSingleItem().Value.ShouldBe(["v9.9.9"]);
        note.ShouldContain("silent.example did not answer within 10 s");
        note.ShouldContain("denied.example says no");
    }

    [Fact]
    public async Task A_Process_Without_Access_Asks_Nobody_And_Says_So()
    {
        var (facts, note) = await new RegistryQuestions(Clock).AskAsync([Of("a.example", "v1")], Nothing, Token);

        facts.Tags.ShouldBeEmpty();
        note.ShouldContain("the registries were not asked");
    }

    [Fact]
    public async Task What_History_Knows_Of_A_Tag_Goes_With_The_Question_About_It()
    {
        var known = new Dictionary<ImageRef, IReadOnlyCollection<Digest>> { [Of("a.example", "v1").Image] = [Digest.Of("v1"u8)] };

        var (facts, _) = await new RegistryQuestions(Clock, new Reader()).AskAsync([Of("a.example", "v1"), Of("a.example", "v2")], known, Token);

        facts.Tags[Of("a.example", "v1").Image].ImageId.ShouldBeNull();
        facts.Tags[Of("a.example", "v2").Image].ImageId.ShouldBe("sha256:config");
    }

    [Theory]
    [InlineData("latest", "By history, and what the registry says now.")]
    [InlineData("what we put", "somebody pushed past us.")]
    [InlineData(null, "By history, and what the registry says now.")]
    public async Task What_A_Registry_Says_Now_Is_Compared_With_What_Was_Put_There(string? put, string end)
    {
        var image = Of("a.example", "latest").Image;
        var owner = put is null ? null : new TagOwner
        {
            Host = image.Repository.Host,
            Repository = image.Repository.Name,
            Tag = image.Tag,
            Ref = "refs/tags/v1.0.0",
            Digest = Digest.Of(System.Text.Encoding.UTF8.GetBytes(put)).Value,
        };

        var (look, note) = await ImageEndpoints.AskAsync(new Reader(), image, owner, Clock, Token);

        look.ShouldBe(new RegistryLook(Clock.GetUtcNow(), Digest.Of("latest"u8).Value));
        note.ShouldEndWith(end);
    }

    private static PlannedImage Of(string host, string tag) => new(
        host, new ImageRef(new ImageRepository(host, "acme/app"), tag), tag == "latest" ? ImageTagKind.Floating : ImageTagKind.Version,
        tag == "latest" ? FloatingScope.All : null);

    private sealed class Reader : IRegistryReader
    {
        public TaskCompletionSource Silent { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<Digest?> DigestAsync(ImageRef image, CancellationToken cancellationToken) => Task.FromResult<Digest?>(Digest.Of("latest"u8));

        public async Task<(Digest? Digest, string? ImageId)> ImageAsync(ImageRef image, IReadOnlyCollection<Digest> known, CancellationToken cancellationToken)
        {
            switch (image.Repository.Host)
            {
                case "silent.example":
                    Silent.SetResult();
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
                    break;
                case "denied.example":
                    throw new RegistryReadException("denied.example says no");
            }

            return (Digest.Of("v1"u8), known.Contains(Digest.Of("v1"u8)) ? null : "sha256:config");
        }

        public Task<IReadOnlyList<string>> TagsAsync(ImageRepository repository, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyList<string>>(["v9.9.9"]);
    }
}
