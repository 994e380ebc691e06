using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.GitLab.Hooks;
using Shouldly;
using Xunit;
using static ReleaseBot.Integration.GitLab.GitLabFixture;

namespace ReleaseBot.Integration.GitLab;

public sealed class WebhookDeliveryTests
{
    private const string SigningToken = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";
    private const string Secret = "correct horse battery";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly WebhookSettings Settings = new() { SigningTokens = [new Secret(SigningToken)], Secrets = [new Secret(Secret)] };

    [Fact]
    public async Task A_Pushed_Tag_Arrives_Signed_And_Says_What_Was_Pushed()
    {
        await using var fixture = await GitLabFixture.StartAsync();
        await using var receiver = await HookReceiver.StartAsync(Settings);
        fixture.Project.ProtectedTags.Add("v*");
        var commit = await fixture.CommitAsync("Dockerfile", "FROM scratch\n");
        await fixture.Clone.PushAsync(Cancellation, "main");
        fixture.GitLab.AddHook(new StandInHook { Url = receiver.Url, Scope = HookScope.Project, Owner = ProjectPath, SigningToken = SigningToken, Token = "not ours" });

        var tag = await fixture.Clone.TagAsync("v1.0.0", "Spring sale", Cancellation);
        await fixture.Clone.PushAsync(Cancellation, "v1.0.0");

        var delivery = (await fixture.GitLab.WaitForDeliveriesAsync(1, Limit, Cancellation)).Single();
        delivery.Status.ShouldBe(202);
        delivery.Event.ShouldBe("Tag Push Hook");
        var (verdict, id, hook) = receiver.Received.Single();
        verdict.ShouldBeOfType<WebhookVerdict.Signed>();
        id.ShouldBe(delivery.Id);
        var updated = hook.ShouldBeOfType<HookEvent.RefUpdated>();
        updated.Ref.ShouldBe(GitRef.Tag("v1.0.0"));
        updated.Before.IsZero.ShouldBeTrue();
        updated.After.ShouldBe(ObjectId.Parse(tag));
        updated.CheckoutSha.ShouldBe(ObjectId.Parse(commit));
        updated.RefProtectedHint.ShouldBe(true);
        (updated.ProjectId, updated.ProjectPath).ShouldBe((42, ProjectPath));
    }

    [Fact]
    public async Task Project_Group_And_System_Hooks_All_Fire_And_A_Resend_Keeps_Its_Id()
    {
        await using var fixture = await GitLabFixture.StartAsync();
        await using var receiver = await HookReceiver.StartAsync(Settings);
        fixture.GitLab.AddHook(new StandInHook { Url = receiver.Url, Scope = HookScope.Project, Owner = ProjectPath, SigningToken = SigningToken });
        fixture.GitLab.AddHook(new StandInHook { Url = receiver.Url, Scope = HookScope.Group, Owner = "acme", SigningToken = SigningToken });
        fixture.GitLab.AddHook(new StandInHook { Url = receiver.Url, Scope = HookScope.System, SigningToken = SigningToken });
        fixture.GitLab.AddHook(new StandInHook { Url = receiver.Url, Scope = HookScope.Group, Owner = "other" });
        await fixture.CommitAsync("README.md", "hello");
        await fixture.Clone.PushAsync(Cancellation, "main");

        var deliveries = await fixture.GitLab.WaitForDeliveriesAsync(3, Limit, Cancellation);
        deliveries.Select(delivery => delivery.Event).Order().ShouldBe(["Push Hook", "Push Hook", "System Hook"]);
        deliveries.Select(delivery => delivery.Id).Distinct().Count().ShouldBe(3);
        receiver.Received.ShouldAllBe(received => received.Verdict is WebhookVerdict.Signed);

        var again = await fixture.GitLab.ResendAsync(deliveries[0].Id);
        again.Status.ShouldBe(202);
        receiver.Received.Last().DeliveryId.ShouldBe(deliveries[0].Id);
        receiver.Received.Last().Verdict.ShouldBeOfType<WebhookVerdict.Signed>();
    }

    [Fact]
    public async Task An_Older_GitLab_Is_Let_In_By_Its_Token()
    {
        await using var fixture = await GitLabFixture.StartAsync(new GitLabStandInOptions { Version = new Version(18, 5, 0) });
        await using var receiver = await HookReceiver.StartAsync(Settings);
        fixture.GitLab.AddHook(new StandInHook { Url = receiver.Url, Token = Secret, SigningToken = SigningToken });
        await fixture.CommitAsync("README.md", "hello");
        await fixture.Clone.PushAsync(Cancellation, "main");
        var delivery = (await fixture.GitLab.WaitForDeliveriesAsync(1, Limit, Cancellation)).Single();
        delivery.Headers.ShouldNotContainKey("webhook-id");
        var received = receiver.Received.Single();
        received.Verdict.ShouldBeOfType<WebhookVerdict.Token>();
        received.DeliveryId.ShouldBe(delivery.Id);
    }

    [Fact]
    public async Task More_Than_Three_Tags_In_One_Push_Fire_Nothing()
    {
        await using var fixture = await GitLabFixture.StartAsync();
        await using var receiver = await HookReceiver.StartAsync(Settings);
        fixture.GitLab.AddHook(new StandInHook { Url = receiver.Url, SigningToken = SigningToken });
        await fixture.CommitAsync("README.md", "hello");
        foreach (var name in (string[])["v1", "v2", "v3", "v4"])
        {
            await fixture.Clone.TagAsync(name, null, Cancellation);
        }

        // The branch is a group of its own, and the later marker by which the tags' silence is known.
        await fixture.Clone.PushAsync(Cancellation, "main", "v1", "v2", "v3", "v4");
        fixture.GitLab.LosesHooks = true;
        await fixture.Clone.PushAsync(Cancellation, "main:lost");
        fixture.GitLab.LosesHooks = false;
        await fixture.Clone.PushAsync(Cancellation, "main:marker");
        await fixture.GitLab.WaitForDeliveriesAsync(2, Limit, Cancellation);
        fixture.GitLab.Deliveries.Select(delivery => delivery.Ref).Order().ShouldBe(["refs/heads/main", "refs/heads/marker"]);
    }

    [Fact]
    public async Task Moves_And_Deletes_Are_Told_And_A_Protected_Tag_Resists_Both()
    {
        await using var fixture = await GitLabFixture.StartAsync(new GitLabStandInOptions { Users = new Dictionary<string, string> { ["jdoe"] = "her password" } });
        await using var receiver = await HookReceiver.StartAsync(Settings);
        await fixture.CommitAsync("README.md", "1");
        var first = await fixture.Clone.TagAsync("v1", null, Cancellation);
        await fixture.Clone.PushAsync(Cancellation, "main", "v1");
        fixture.GitLab.AddHook(new StandInHook { Url = receiver.Url, SigningToken = SigningToken });
        await fixture.CommitAsync("README.md", "2");
        var second = await fixture.Clone.TagAsync("v1", null, Cancellation);

        await fixture.Clone.PushAsync("jdoe", "her password", Cancellation, "+v1");
        await fixture.GitLab.WaitForDeliveriesAsync(1, Limit, Cancellation);
        fixture.Project.ProtectedTags.Add("v*");
        (await Should.ThrowAsync<InvalidOperationException>(() => fixture.Clone.PushAsync(Cancellation, ":v1"))).Message.ShouldContain("protected tags");
        await fixture.CommitAsync("README.md", "3");
        await fixture.Clone.TagAsync("v1", null, Cancellation);
        (await Should.ThrowAsync<InvalidOperationException>(() => fixture.Clone.PushAsync(Cancellation, "+v1"))).Message.ShouldContain("Protected tags cannot be updated");
        await Should.ThrowAsync<InvalidOperationException>(() => fixture.Clone.PushAsync("jdoe", "wrong", Cancellation, "main"));
        await fixture.GitLab.UpdateRefAsync(fixture.Project, "refs/tags/v1", null, "root", Cancellation);
        await fixture.GitLab.WaitForDeliveriesAsync(2, Limit, Cancellation);

        var events = receiver.Received.Select(received => received.Event).Cast<HookEvent.RefUpdated>().ToList();
        (events[0].Before.Value, events[0].After.Value, events[0].User).ShouldBe((first, second, "jdoe"));
        (events[1].Before.Value, events[1].IsDeleted, events[1].CheckoutSha).ShouldBe((second, true, null));
    }
}
