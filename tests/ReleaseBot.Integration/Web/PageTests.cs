using System.Net;
using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

public sealed class PageTests : IAsyncLifetime
{
    private WebFixture _web = null!;

    public async ValueTask InitializeAsync() => _web = await WebFixture.StartAsync();

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    [Fact]
    public async Task Pages_Encode_What_Strangers_Wrote()
    {
        // git allows all of this in a tag's name.
        const string Hostile = "v1\"><img/src=x/onerror=alert(1)>'&amp;";
        GitRef.TryCreate(RefKind.Tag, Hostile, out _).ShouldBeTrue();
        var id = (await _web.HookAsync(Hooks.Tag(Hostile), "d-1")).Release;
        var run = await _web.StartRunAsync();
        await _web.LogAsync(run, "\u001b[31m</pre><script>alert(1)</script>\u001b[0m\n\u001b]0;title\u0007\n");

        foreach (var path in new[] { "/", $"/releases/{id}", "/deliveries", "/queue", "/?project=%22%3E%3Cimg%20src%3Dx%3E" })
        {
            var page = await _web.GetAsync(path);
            page.Status.ShouldBe(HttpStatusCode.OK, path);
            page.MediaType.ShouldBe("text/html");
            page.Text.ShouldNotContain("<img");
            page.Text.ShouldNotContain("<script>");
            page.Text.ShouldNotContain("\u001b");
            page.Headers["Content-Security-Policy"].ShouldContain("script-src 'self'");
        }

        (await _web.GetAsync($"/releases/{id}")).Text.ShouldContain("<span class=\"c31\">&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;</span>");
    }

    [Fact]
    public async Task Release_Page_Shows_Images_And_Reason()
    {
        var digest = await _web.PublishHookAsync("v1.0.0");
        await _web.HookAsync(Hooks.Tag("v1.1.0"));
        await _web.RejectAsync();

        var list = await _web.GetAsync("/");
        list.Text.ShouldContain("<span class=\"status s-published\">published</span>");
        list.Text.ShouldContain("ref-not-protected");
        var id = (await _web.GetAsync("/api/v1/releases?status=published")).Json.GetProperty("items")[0].GetProperty("id").GetGuid();
        (await _web.GetAsync($"/releases/{id}")).Text.ShouldContain(digest.Value);
        (await _web.GetAsync("/?status=rejected&project=&ref=")).Text.ShouldNotContain("s-published");
        (await _web.GetAsync($"/releases/{Guid.Empty}")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData("/?projct=acme/nope", "projct", "project")]
    [InlineData("/?project=acme/shop&colour=red", "colour", null)]
    [InlineData("/deliveries?project=acme/shop", "project", null)]
    [InlineData("/queue?project=acme/shop", "project", null)]
    [InlineData("/metrics?x=1", "x", null)]
    public async Task A_Parameter_That_A_Page_Does_Not_Know_Is_Refused_By_Name(string path, string parameter, string? nearest)
    {
        var answer = await _web.GetAsync(path);

        (answer.Status, answer.Problem).ShouldBe((HttpStatusCode.BadRequest, "unknown-parameter"));
        answer.Json.GetProperty("parameter").GetString().ShouldBe(parameter);
        (answer.Json.TryGetProperty("nearest", out var near) ? near.GetString() : null).ShouldBe(nearest);
    }

    [Fact]
    public async Task A_Page_That_Messages_Lead_To_Does_Not_Mind_What_Is_Appended()
    {
        await _web.PublishHookAsync("v1.0.0");
        var id = (await _web.GetAsync("/api/v1/releases")).Json.GetProperty("items")[0].GetProperty("id").GetGuid();

        (await _web.GetAsync($"/releases/{id}?utm_source=chat")).Status.ShouldBe(HttpStatusCode.OK);
        (await _web.GetAsync("/?project=&ref=&status=")).Status.ShouldBe(HttpStatusCode.OK);
        (await _web.GetAsync("/?project=a&project=b")).Problem.ShouldBe("invalid-parameter");
    }

    [Fact]
    public async Task The_Next_Page_Has_The_Filters_Of_This_One()
    {
        await _web.PublishHookAsync("v1.0.0");
        await _web.HookAsync(Hooks.Tag("v1.1.0"));
        await _web.RejectAsync();
        await _web.PublishHookAsync("v1.2.0");

        var page = await _web.GetAsync("/?project=acme/shop&status=published&status=failed&limit=1");
        var next = System.Net.WebUtility.HtmlDecode(System.Text.RegularExpressions.Regex.Match(page.Text, "rel=\"next\" href=\"([^\"]+)\"").Groups[1].Value);
        var older = await _web.GetAsync(next);

        page.Text.ShouldContain("v1.2.0");
        older.Text.ShouldContain("v1.0.0");
        older.Text.ShouldNotContain("v1.1.0");
        older.Text.ShouldNotContain("v1.2.0");
    }

    [Fact]
    public async Task Assets_Are_Served_From_Here()
    {
        _web.Http.DefaultRequestHeaders.Authorization = null;

        (await _web.GetAsync("/assets/dashboard.css")).MediaType.ShouldBe("text/css");
        (await _web.GetAsync("/assets/dashboard.js")).MediaType.ShouldBe("text/javascript");
    }
}
