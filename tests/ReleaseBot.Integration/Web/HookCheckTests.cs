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
        (await HookCheck.AskAsync(settings, client, WebFixture.Cancellation)).Verdict.ShouldBe(Verdict.Doubt);
        gitLab.AddEmptyProject("acme/shop");
        var hidden = gitLab.AddEmptyProject("acme/hidden");
        hidden.BotMayManageHooks = false;
        gitLab.AddGroup("acme");
        StandInHook[] hooks =
        [
            gitLab.AddHook(new StandInHook { Url = new Uri("https://releasebot.example/webhooks/gitlab"), Scope = HookScope.Project, Owner = "acme/shop" }),
            gitLab.AddHook(new StandInHook { Url = new Uri("https://releasebot.example/webhooks/gitlab"), Scope = HookScope.Group, Owner = "acme" }),
        ];
        (await HookCheck.AskAsync(settings, client, WebFixture.Cancellation)).ShouldBe(
            CheckResult.Ok("GitLab has disabled none of ours in 2 projects and groups; 1 can't be seen with this token"));
        Array.ForEach(hooks, hook => gitLab.FailHook(hook.Id, 40));

        var result = await HookCheck.AskAsync(settings, client, WebFixture.Cancellation);

        result.Verdict.ShouldBe(Verdict.Failed);
        result.Finding.ShouldBe("GitLab has disabled 2 and sends us nothing there: hook 1 of project acme/shop (disabled), hook 2 of group acme (disabled)");
        (await HookCheck.AskAsync(settings with { PublicUrl = new Uri("https://other.example") }, client, WebFixture.Cancellation)).Verdict.ShouldBe(Verdict.Ok);
    }
}
