using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Web;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Web;

public sealed class LookPolicyTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    // GitLab may leave last_activity_at an hour behind a push, and write it down some minutes late.
    [InlineData(5, 30, true)]
    [InlineData(5, 74, true)]
    [InlineData(5, 76, false)]
    [InlineData(120, 189, true)]
    [InlineData(120, 191, false)]
    public void A_Project_Is_Looked_At_While_Something_May_Have_Been_Pushed_Since(int lookedMinutesAgo, int activeMinutesAgo, bool isDue) =>
        LookPolicy.IsDue(Known(Now.AddMinutes(-lookedMinutesAgo), Now.AddHours(1)), Now.AddMinutes(-activeMinutesAgo), Now).ShouldBe(isDue);

    [Fact]
    public void A_Project_That_Is_New_Or_Tells_No_Activity_Or_Was_Not_Looked_At_For_Long_Is_Looked_At()
    {
        var longAgo = Now.AddYears(-1);
        LookPolicy.IsDue(null, longAgo, Now).ShouldBeTrue();
        LookPolicy.IsDue(Known(Now, Now.AddHours(1)), null, Now).ShouldBeTrue();
        LookPolicy.IsDue(Known(Now.AddHours(-2), Now), longAgo, Now).ShouldBeTrue();
        LookPolicy.IsDue(Known(Now.AddHours(-2), Now.AddSeconds(1)), longAgo, Now).ShouldBeFalse();
    }

    [Fact]
    public void Idle_Projects_Are_Looked_At_Within_The_Day_And_Not_All_At_Once()
    {
        var next = Enumerable.Range(1, 5000).Select(id => LookPolicy.NextLook(id, hasOpenTags: false, Now)).ToList();

        next.ShouldAllBe(at => at >= Now.AddHours(18) && at <= Now.AddHours(24));
        next.GroupBy(at => (int)(at - Now).TotalMinutes).Max(minute => minute.Count()).ShouldBeLessThan(60);
        LookPolicy.NextLook(1, hasOpenTags: true, Now).ShouldBe(Now.AddHours(1));
    }

    [Theory]
    [InlineData("", "main", "push_events")]
    [InlineData("release/*", "main", "push_events")]
    [InlineData("m*", "main", "resource_access_token_events")]
    [InlineData("", null, "resource_access_token_events")]
    public void A_Hook_Is_Tested_With_A_Sample_That_Publishes_Nothing(string branches, string? defaultBranch, string expected)
    {
        var rule = new ProjectRule { Path = new ProjectPathPattern("acme/**"), Branches = branches.Length == 0 ? [] : [new RefPattern(branches)] };

        HookWatch.SampleFor(rule, defaultBranch).ShouldBe(expected);
        HookWatch.SampleForGroup([rule]).ShouldBe(branches.Length == 0 ? "push_events" : "resource_access_token_events");
    }

    [Theory]
    [InlineData("https://releasebot.example/webhooks/gitlab", null, true)]
    [InlineData("https://releasebot.example/x/webhooks/gitlab/?a=b", null, true)]
    [InlineData("https://{host}/webhooks/gitlab", null, true)]
    [InlineData("https://releasebot.example/webhooks/github", null, false)]
    [InlineData("https://RELEASEBOT.example:443/webhooks/gitlab?token=x", "https://releasebot.example/", true)]
    [InlineData("https://releasebot.example/x/webhooks/gitlab", "https://releasebot.example/x", true)]
    [InlineData("https://releasebot.example/webhooks/gitlab", "https://releasebot.example/x", false)]
    [InlineData("https://other.example/webhooks/gitlab", "https://releasebot.example", false)]
    [InlineData("not an address", "https://releasebot.example", false)]
    public void A_Hook_Is_Ours_By_Its_Address(string url, string? publicUrl, bool isOurs) =>
        HookAddress.IsOurs(url, publicUrl is null ? null : new Uri(publicUrl)).ShouldBe(isOurs);

    private static Project Known(DateTimeOffset lookedAt, DateTimeOffset nextLookAt) =>
        new() { Id = 7, Path = "acme/shop", BaselineAt = DateTimeOffset.UnixEpoch, ReconciledAt = lookedAt, NextLookAt = nextLookAt };
}
