using System.Net;
using ReleaseBot.Core;
using ReleaseBot.History;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

/// <summary>Moving, retracting and handing over by HTTP; a worker is played by the store that it uses.</summary>
public sealed class TagOperationTests : IAsyncLifetime
{
    private const string Repository = "registry.example/acme/shop";
    private WebFixture _web = null!;

    public async ValueTask InitializeAsync()
    {
        _web = await WebFixture.StartAsync();
        await _web.PublishHookAsync("v1.0.0");
        await _web.PublishHookAsync("v2.0.0");
    }

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    [Fact]
    public async Task Move_Is_Accepted_Carried_Out_And_Shown_With_Who_And_Why()
    {
        var answer = await _web.PostAsync("/api/v1/images/move", $$"""{"reference":"{{Repository}}:latest","to":"1.0.0","reason":"2.0.0 eats carts"}""");

        answer.Status.ShouldBe(HttpStatusCode.Accepted, answer.Text);
        (Text(answer, "status"), Text(answer, "to"), Text(answer, "by")).ShouldBe(("pending", "v1.0.0", "ci"));
        var digest = Text(answer, "digest");
        (await ImageAsync("latest")).GetProperty("wishes")[0].GetProperty("status").GetString().ShouldBe("pending");

        await CarryOutAsync();

        var image = await ImageAsync("latest");
        image.GetProperty("digest").GetString().ShouldBe(digest);
        image.GetProperty("wishes")[0].GetProperty("status").GetString().ShouldBe("done");
        var move = image.GetProperty("moves")[0];
        (move.GetProperty("by").GetString(), move.GetProperty("reason").GetString(), move.GetProperty("version").GetString())
            .ShouldBe(("ci", "2.0.0 eats carts", "1.0.0"));
        foreach (var release in new[] { "v1.0.0", "v2.0.0" })
        {
            var page = (await _web.GetAsync($"/releases/{await ReleaseAsync(release)}")).Text;
            page.ShouldContain("2.0.0 eats carts");
            page.ShouldContain("<td>ci</td>");
        }
    }

    [Fact]
    public async Task Retracted_Release_Says_So_And_Its_Tag_Says_So()
    {
        var release = await ReleaseAsync("v2.0.0");

        var answer = await _web.PostAsync($"/api/v1/releases/{release}/retract", """{"reason":"a secret <b> is in it"}""");

        answer.Status.ShouldBe(HttpStatusCode.Accepted, answer.Text);
        answer.Json.GetProperty("wishes").GetArrayLength().ShouldBe(1);
        await CarryOutAsync();
        (await ImageAsync("latest")).GetProperty("moves")[0].GetProperty("version").GetString().ShouldBe("1.0.0");
        (await ImageAsync("v2.0.0")).GetProperty("retracted").GetProperty("by").GetString().ShouldBe("ci");
        var shown = (await _web.GetAsync($"/api/v1/releases/{release}")).Json;
        shown.GetProperty("retracted").GetProperty("reason").GetString().ShouldBe("a secret <b> is in it");
        shown.GetProperty("status").GetString().ShouldBe("published");
        (await _web.GetAsync($"/releases/{release}")).Text.ShouldContain("a secret &lt;b&gt; is in it");

        var again = await _web.PostAsync($"/api/v1/releases/{release}/retract", """{"reason":"once more"}""");
        again.Status.ShouldBe(HttpStatusCode.Accepted);
        again.Json.GetProperty("wishes").GetArrayLength().ShouldBe(0);
        (await _web.PostAsync("/api/v1/images/move", $$"""{"reference":"{{Repository}}:latest","to":"v2.0.0","reason":"why not"}""")).Problem.ShouldBe("version-retracted");
    }

    [Fact]
    public async Task Stray_Version_Of_The_Registry_Is_Left_Out_Of_The_Reckoning()
    {
        var answer = await _web.PostAsync("/api/v1/images/retract", $$"""{"reference":"{{Repository}}:v9.9.9","reason":"a test of somebody"}""");

        answer.Status.ShouldBe(HttpStatusCode.Accepted, answer.Text);
        (await ImageAsync("v9.9.9")).GetProperty("retracted").GetProperty("reason").GetString().ShouldBe("a test of somebody");
    }

    [Theory]
    [InlineData("images/move", """{"reference":"acme/shop:latest","to":"v1.0.0","reason":"why"}""", 400, "invalid-parameter")]
    [InlineData("images/move", """{"to":"v1.0.0","reason":"why"}""", 400, "invalid-parameter")]
    [InlineData("images/move", """{"reference":"registry.example/acme/shop:latest","to":"v1.0.0"}""", 400, "invalid-parameter")]
    [InlineData("images/move", """{"reference":"registry.example/acme/shop:latest","to":"v1.0.0","reason":"  "}""", 400, "invalid-parameter")]
    [InlineData("images/move", """{"reference":"registry.example/acme/shop:latest","to":"v1.0.0","reason":"two\nlines"}""", 400, "invalid-parameter")]
    [InlineData("images/move", """{"reference":"registry.example/acme/shop:latest","to":"a b","reason":"why"}""", 400, "invalid-parameter")]
    [InlineData("images/move", """{"reference":"registry.example/acme/shop:latest","reason":"why"}""", 400, "invalid-parameter")]
    [InlineData("images/move", "not json", 400, "unreadable-body")]
    [InlineData("images/move", """{"reference":"registry.example/acme/shop:stable","to":"v1.0.0","reason":"why"}""", 404, "image-not-found")]
    [InlineData("images/move", """{"reference":"registry.example/acme/shop:v1.0.0","to":"v2.0.0","reason":"why"}""", 409, "not-floating")]
    [InlineData("images/move", """{"reference":"registry.example/acme/shop:latest","to":"v3.0.0","reason":"why"}""", 409, "not-published")]
    [InlineData("images/retract", """{"reference":"registry.example/acme/shop:v1.0.0","reason":"why"}""", 409, "of-release")]
    [InlineData("images/retract", """{"reference":"registry.example/acme/shop:latest","reason":"why"}""", 409, "nothing-to-retract")]
    [InlineData("images/retract", """{"reference":"registry.example/acme/none:v1.0.0","reason":"why"}""", 404, "image-not-found")]
    [InlineData("images/retract", """{"reference":"registry.example/acme/shop:v1.0.0"}""", 400, "invalid-parameter")]
    [InlineData("releases/01990000-0000-7000-8000-000000000001/retract", """{"reason":"why"}""", 404, "release-not-found")]
    [InlineData("releases/01990000-0000-7000-8000-000000000001/retract", "{}", 400, "invalid-parameter")]
    [InlineData("images/hand-over", """{"reference":"registry.example/acme/none","project":7,"reason":"why"}""", 404, "no-owner")]
    [InlineData("images/hand-over", """{"reference":"registry.example/acme/shop","project":7,"reason":"why"}""", 409, "already-theirs")]
    [InlineData("images/hand-over", """{"reference":"registry.example/acme/shop","project":"acme/none","reason":"why"}""", 404, "project-not-found")]
    [InlineData("images/hand-over", """{"reference":"registry.example/acme/shop:v1.0.0","project":7,"reason":"why"}""", 400, "invalid-parameter")]
    [InlineData("images/hand-over", """{"reference":"shop","project":7,"reason":"why"}""", 400, "invalid-parameter")]
    [InlineData("images/hand-over", """{"reference":"registry.example/acme/shop","project":8,"ref":"refs/tags/v1.0.0","reason":"why"}""", 400, "invalid-parameter")]
    [InlineData("images/hand-over", """{"reference":"registry.example/acme/shop:v1.0.0","project":7,"ref":"refs/tags/v1.0.0","reason":"why"}""", 409, "already-theirs")]
    public async Task What_Can_Not_Be_Done_Is_A_Problem_And_Changes_Nothing(string path, string body, int status, string problem)
    {
        var answer = await _web.PostAsync($"/api/v1/{path}", body);

        ((int)answer.Status).ShouldBe(status, answer.Text);
        answer.Problem.ShouldBe(problem);
        (await _web.SqlAsync("SELECT (SELECT count(*) FROM tag_changes) + (SELECT count(*) FROM tag_retractions) + (SELECT count(*) FROM handovers)")).ShouldBe(0);
    }

    [Fact]
    public async Task A_Stray_That_Is_Retracted_Before_The_First_Release_Is_Answered_With_What_To_Do()
    {
        var answer = await _web.PostAsync("/api/v1/images/retract", """{"reference":"registry.example/acme/none:v9.9.9","reason":"why"}""");

        answer.Problem.ShouldBe("image-not-found");
        answer.Json.GetProperty("detail").GetString().ShouldNotBeNull().ShouldContain("Publish the first release, whose floating tags it may hold back, and retract it then");
    }

    [Theory]
    [InlineData("images/move")]
    [InlineData("images/retract")]
    [InlineData("images/hand-over")]
    [InlineData("releases/01990000-0000-7000-8000-000000000001/retract")]
    public async Task Reader_May_Not_Change_Tags(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/{path}") { Content = new StringContent("{}", null, "application/json") };
        request.Headers.Authorization = new("Bearer", WebFixture.ReadSecret);

        (await _web.SendAsync(request)).Problem.ShouldBe("scope-missing");
    }

    [Fact]
    public async Task Handed_Over_Repository_Is_The_Other_Projects_From_Then_On()
    {
        (await _web.HookAsync(Hooks.Tag("v0.1.0", "acme/other", 8))).Outcome.ShouldBe("accepted");

        var answer = await _web.PostAsync("/api/v1/images/hand-over", $$"""{"reference":"{{Repository}}","project":"Acme/Other","reason":"they took the shop over"}""");

        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        (await _web.SqlAsync("SELECT project_id FROM repository_owners WHERE repository = 'acme/shop'")).ShouldBe(8);
        var handover = (await ImageAsync("latest")).GetProperty("handovers")[0];
        (handover.GetProperty("fromProject").GetInt64(), handover.GetProperty("toProject").GetInt64(), handover.GetProperty("by").GetString())
            .ShouldBe((7, 8, "ci"));
    }

    private static string? Text(Answer answer, string name) => answer.Json.GetProperty(name).GetString();

    private async Task<System.Text.Json.JsonElement> ImageAsync(string tag)
    {
        var answer = await _web.GetAsync($"/api/v1/images?reference={Repository}:{tag}");
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        return answer.Json;
    }

    private async Task<Guid> ReleaseAsync(string tag) =>
        (await _web.GetAsync($"/api/v1/releases?ref={tag}")).Json.GetProperty("items")[0].GetProperty("id").GetGuid();

    private async Task CarryOutAsync()
    {
        var queue = _web.Get<TagChangeQueue>();
        var claimed = (await queue.ClaimAsync(TimeSpan.FromMinutes(1), WebFixture.Cancellation)).ShouldNotBeNull();
        (await queue.TryLockAsync(claimed, TimeSpan.FromMinutes(1), WebFixture.Cancellation)).ShouldBeTrue();
        var owner = await _web.Get<HistoryQueries>().TagOwnerAsync(claimed.Change.Image, WebFixture.Cancellation);
        var current = Digest.Parse(owner.ShouldNotBeNull().Digest!);
        var put = (await queue.DecideAsync(claimed, current, [], WebFixture.Cancellation)).ShouldBeOfType<ChangeDecision.Put>();
        await queue.FinishAsync(claimed, put, current, put.Digest, WebFixture.Cancellation);
        await queue.UnlockAsync(claimed, WebFixture.Cancellation);
    }
}
