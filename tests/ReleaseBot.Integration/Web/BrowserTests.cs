using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

/// <summary>The pages as a browser has them: their script runs, nothing is refused, and what should be there is.</summary>
public sealed class BrowserTests(BrowserTests.Browser browser) : IClassFixture<BrowserTests.Browser>, IAsyncLifetime
{
    private WebFixture _web = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _web = await WebFixture.StartAsync(WebFixture.Tokens with { AnonymousRead = true });

    public ValueTask DisposeAsync() => _web.DisposeAsync();

    [Fact]
    public async Task The_List_Has_A_Row_For_Each_Release_And_Keeps_Up()
    {
        await _web.PublishHookAsync("v1.0.0");
        await _web.HookAsync(Hooks.Tag("v1.1.0"));
        await _web.RejectAsync();
        await using var page = await OpenAsync("/");

        (await page.EvaluateAsync("[...document.querySelectorAll('tbody tr .status')].map(status => status.textContent).join()", Token))!.GetValue<string>()
            .ShouldBe("rejected,published");
        (await page.EvaluateAsync("document.body.innerText", Token))!.GetValue<string>().ShouldContain("ref-not-protected");

        await _web.HookAsync(Hooks.Tag("v1.2.0"));
        await page.UntilAsync("document.querySelectorAll('tbody tr').length === 3 && document.body.innerText.includes('v1.2.0')", Token);
        page.Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_Release_s_Page_Shows_Its_Log_As_It_Comes_And_Its_End()
    {
        await _web.HookAsync(Hooks.Tag("v1.0.0"));
        var run = await _web.StartRunAsync();
        await _web.LogAsync(run, "the first \u001b[31mline\u001b[0m\n");
        await using var page = await OpenAsync($"/releases/{run.Release.Id}");
        await page.UntilAsync("document.querySelector('#log .c31')?.textContent === 'line'", Token);

        await _web.LogAsync(run, "the <b>second</b> \u001b[32mline\u001b[0m\n");
        await page.UntilAsync("document.querySelector('#log .c32')?.textContent === 'line' && document.querySelector('#log').textContent.includes('the <b>second</b>')", Token);
        await _web.PublishAsync(run);

        await page.UntilAsync("document.querySelector('#live .status').textContent === 'published'", Token);
        (await page.EvaluateAsync("document.querySelector('.stages').innerText", Token))!.GetValue<string>().ShouldContain("notify");
        (await page.EvaluateAsync("document.querySelectorAll('#live tbody tr').length", Token))!.GetValue<int>().ShouldBe(2);
        page.Faults.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("/deliveries", "document.querySelectorAll('tbody tr').length === 1")]
    [InlineData("/queue", "document.body.innerText.includes('acme/shop refs/tags/v1.0.0')")]
    [InlineData("/docs", "document.body.innerText.includes('/webhooks/gitlab')")]
    public async Task Every_Other_Page_Runs_Without_A_Fault(string path, string shown)
    {
        await _web.HookAsync(Hooks.Tag("v1.0.0"));
        await using var page = await OpenAsync(path);

        await page.UntilAsync(shown, Token);

        page.Faults.ShouldBeEmpty();
    }

    private Task<ChromiumPage> OpenAsync(string path) => browser.Chromium.OpenAsync(new Uri(_web.Address, path), Token);

    /// <summary>One for all tests: it is the start that takes its time.</summary>
    public sealed class Browser : IAsyncLifetime
    {
        internal Chromium Chromium { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Chromium = await Chromium.StartAsync(Token);

        public ValueTask DisposeAsync() => Chromium.DisposeAsync();
    }
}
