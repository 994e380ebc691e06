using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.GitLab;

public sealed class GitLabPaceTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly ScriptedGitLab _gitLab = new();
    private readonly FakeTimeProvider _time = new(Start);
    private readonly GitLabPace _pace;
    private readonly GitLabClient _whole;
    private readonly GitLabClient _paced;

    public GitLabPaceTests()
    {
        _pace = new GitLabPace(_time);
        _whole = new GitLabClient(_gitLab, new GitLabSettings { Url = new Uri("https://gitlab.example"), Token = new Secret("glpat-do-not-show-me") }, _time,
            NullLogger<GitLabClient>.Instance);
        _paced = _whole.At(_pace);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _paced.Dispose();
        _whole.Dispose();
        _gitLab.Dispose();
    }

    [Fact]
    public async Task At_Half_Of_The_Window_It_Waits_For_The_Next_And_Others_Do_Not()
    {
        // GitLab's clock is two minutes ahead of ours, and its limit is told for a minute though the window has 10 s.
        var clock = Start.AddMinutes(2);
        Answer(remaining: 6, observed: 4, clock, clock.AddSeconds(10));
        Answer(remaining: 5, observed: 5, clock, clock.AddSeconds(10));
        await AskAsync(_paced);
        await AskAsync(_paced);
        Answer(remaining: 4, observed: 6, clock, clock.AddSeconds(10));
        await AskAsync(_whole);
        Answer(remaining: 9, observed: 1, clock.AddSeconds(10), clock.AddSeconds(20));

        var third = AskAsync(_paced);
        _time.Advance(TimeSpan.FromSeconds(9.9));
        await Task.Yield();
        third.IsCompleted.ShouldBeFalse();
        _gitLab.Requests.Count.ShouldBe(3);
        _pace.Cost.WaitsUntil.ShouldBe(Start.AddSeconds(10));
        _time.Advance(TimeSpan.FromSeconds(0.2));
        await third.WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System, Cancellation);

        _pace.Cost.ShouldBe(new GitLabCost(3, 0, TimeSpan.FromSeconds(10), null));
    }

    [Fact]
    public async Task What_Others_Use_Counts()
    {
        Answer(remaining: 3, observed: 97, Start, Start.AddSeconds(30));
        await AskAsync(_paced);

        var second = AskAsync(_paced);

        second.IsCompleted.ShouldBeFalse();
        _pace.Cost.WaitsUntil.ShouldBe(Start.AddSeconds(30));
        Answer(remaining: 99, observed: 1, Start.AddSeconds(30), Start.AddSeconds(90));
        _time.Advance(TimeSpan.FromSeconds(30));
        await second.WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System, Cancellation);
    }

    [Theory]
    [InlineData(7, 7)]
    [InlineData(null, 5)]
    public async Task A_Refusal_Is_Waited_Out_As_Long_As_GitLab_Says(int? retryAfter, int expected)
    {
        _gitLab.Then(HttpStatusCode.TooManyRequests, "Retry later", response =>
        {
            if (retryAfter is { } seconds)
            {
                response.Headers.TryAddWithoutValidation("Retry-After", seconds.ToString(CultureInfo.InvariantCulture));
            }
        });
        _gitLab.Then(HttpStatusCode.NotFound);

        var asked = AskAsync(_paced);
        _time.Advance(TimeSpan.FromSeconds(expected - 0.1));
        await Task.Yield();
        asked.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(0.2));
        await asked.WaitAsync(TimeSpan.FromSeconds(10), TimeProvider.System, Cancellation);

        _pace.Cost.ShouldBe(new GitLabCost(2, 0, TimeSpan.FromSeconds(expected), null));
    }

    [Fact]
    public async Task Without_Headers_Nothing_Is_Waited_For_And_What_Has_Not_Changed_Is_Not_Sent_Again()
    {
        const string Page = """[{"id":42,"path_with_namespace":"acme/shop","web_url":"https://gitlab.example/acme/shop","http_url_to_repo":"https://gitlab.example/acme/shop.git"}]""";
        _gitLab.Then(HttpStatusCode.OK, Page, response => response.Headers.TryAddWithoutValidation("ETag", "W/\"1\""));
        _gitLab.Then(HttpStatusCode.NotModified);

        var first = await ListAsync();
        var second = await ListAsync();

        second.ShouldBe(first);
        _pace.Cost.ShouldBe(new GitLabCost(2, 1, TimeSpan.Zero, null));
    }

    private async Task<List<GitLabProject>> ListAsync()
    {
        List<GitLabProject> projects = [];
        await foreach (var project in _paced.ListProjectsAsync(Cancellation))
        {
            projects.Add(project);
        }

        return projects;
    }

    private static Task AskAsync(GitLabClient client) => client.GetProjectAsync(42, Cancellation);

    private void Answer(int remaining, int observed, DateTimeOffset now, DateTimeOffset reset) => _gitLab.Then(HttpStatusCode.NotFound, "", response =>
    {
        response.Headers.Date = now;
        response.Headers.TryAddWithoutValidation("RateLimit-Limit", "60");
        response.Headers.TryAddWithoutValidation("RateLimit-Observed", observed.ToString(CultureInfo.InvariantCulture));
        response.Headers.TryAddWithoutValidation("RateLimit-Remaining", remaining.ToString(CultureInfo.InvariantCulture));
        response.Headers.TryAddWithoutValidation("RateLimit-Reset", reset.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
    });
}
