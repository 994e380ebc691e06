using Microsoft.Extensions.Logging.Abstractions;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using ReleaseBot.Hosting;
using ReleaseBot.StandIns.GitLab;
using ReleaseBot.StandIns.GitLab.Hooks;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

public sealed class HookCheckTests
{
    [Fact]
    public async Task Check_Names_The_Disabled_Hooks_Of_Projects_And_Groups()
    {
        await using var gitLab = await GitLabStandIn.StartAsync(new GitLabStandInOptions(), WebFixture.Cancellation);
        await using var web = await WebFixture.StartAsync();
        using var client = new GitLabClient(
            new GitLabSettings { Url = gitLab.Url, Token = new Secret(gitLab.Options.Token) }, TimeProvider.System, NullLogger<GitLabClient>.Instance);
        var settings = web.Get<ReleaseBotSettings>();
        (await AskAsync(settings, client)).Verdict.ShouldBe(Verdict.Doubt);
        gitLab.AddEmptyProject("acme/shop");
        var hidden = gitLab.AddEmptyProject("acme/hidden");
        hidden.BotMayManageHooks = false;
        gitLab.AddGroup("acme");
        StandInHook[] hooks =
        [
            gitLab.AddHook(new StandInHook { Url = new Uri("https://releasebot.example/webhooks/gitlab"), Scope = HookScope.Project, Owner = "acme/shop" }),
            gitLab.AddHook(new StandInHook { Url = new Uri("https://releasebot.example/webhooks/gitlab"), Scope = HookScope.Group, Owner = "acme" }),
        ];
        (await AskAsync(settings, client)).ShouldBe(
            CheckResult.Ok("GitLab has disabled none of ours in 2 projects and groups; 1 can't be seen with this token"));
        Array.ForEach(hooks, hook => gitLab.FailHook(hook.Id, 40));

        var result = await AskAsync(settings, client);

        result.Verdict.ShouldBe(Verdict.Failed);
        result.Finding.ShouldBe("GitLab has disabled 2 and sends us nothing there: hook 1 of project acme/shop (disabled), hook 2 of group acme (disabled)");
        (await AskAsync(settings with { PublicUrl = new Uri("https://other.example") }, client)).Verdict.ShouldBe(Verdict.Ok);
    }

    [Fact]
    public async Task Check_Looks_At_The_Hooks_Of_Every_Project_And_Says_How_Many_Are_Left_Where_It_Is_Cut()
    {
        const int Projects = 230;
        await using var gitLab = await GitLabStandIn.StartAsync(new GitLabStandInOptions(), WebFixture.Cancellation);
        await using var web = await WebFixture.StartAsync();
        using var client = new GitLabClient(
            new GitLabSettings { Url = gitLab.Url, Token = new Secret(gitLab.Options.Token) }, TimeProvider.System, NullLogger<GitLabClient>.Instance);
        var settings = web.Get<ReleaseBotSettings>();
        for (var number = 1; number <= Projects; number++)
        {
            gitLab.AddEmptyProject($"acme/shop-{number}");
        }

        (await AskAsync(settings, client)).ShouldBe(CheckResult.Ok($"GitLab has disabled none of ours in {Projects} projects and groups"));
        // Of all projects the first and the last, so that one of them is the last in whatever order they come.
        foreach (var number in (int[])[1, Projects])
        {
            var hook = gitLab.AddHook(new StandInHook
            {
                Url = new Uri("https://releasebot.example/webhooks/gitlab"),
                Scope = HookScope.Project,
                Owner = $"acme/shop-{number}",
            });
            gitLab.FailHook(hook.Id, 40);
        }

        (await AskAsync(settings, client)).Finding.ShouldStartWith("GitLab has disabled 2 and");

        var few = await AskAsync(settings, client, HookCheckBounds.Usual with { Owners = 100 });
        few.Finding.ShouldEndWith($"{Projects - 100} or more were not looked at: 100 are looked at at the most");
        var none = await AskAsync(settings, client, HookCheckBounds.Usual with { Time = TimeSpan.FromTicks(1) });
        none.Verdict.ShouldBe(Verdict.Doubt);
        none.Finding.ShouldEndWith("or more were not looked at: the 0 s for it were over");
    }

    private static Task<CheckResult> AskAsync(ReleaseBotSettings settings, GitLabClient client, HookCheckBounds? bounds = null) =>
        HookCheck.AskAsync(settings, client, bounds ?? HookCheckBounds.Usual, TimeProvider.System, WebFixture.Cancellation);
}
