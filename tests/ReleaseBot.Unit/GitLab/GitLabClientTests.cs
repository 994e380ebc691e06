using System.Net;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.GitLab;

public sealed class GitLabClientTests : IDisposable
{
    private const string Token = "glpat-do-not-show-me";
    private const string Project = """
        {"id":42,"path_with_namespace":"acme/shop","web_url":"https://gitlab.example/acme/shop","http_url_to_repo":"https://gitlab.example/acme/shop.git",
         "default_branch":null,"last_activity_at":"2026-03-01T10:00:00.000Z","new_field":{"a":[1]}}
        """;
    private static readonly ObjectId Commit = ObjectId.Parse(string.Concat(Enumerable.Repeat("a1", 20)));
    private static readonly ObjectId TagObject = ObjectId.Parse(string.Concat(Enumerable.Repeat("d4", 20)));
    private readonly ScriptedGitLab _gitLab = new();
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero));
    private GitLabClient? _client;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _client?.Dispose();
        _gitLab.Dispose();
    }

    [Theory]
    [InlineData("https://gitlab.example", "https://gitlab.example/api/v4/projects/acme%2Fshop")]
    [InlineData("https://gitlab.example/", "https://gitlab.example/api/v4/projects/acme%2Fshop")]
    [InlineData("https://example.org:8443/git/lab", "https://example.org:8443/git/lab/api/v4/projects/acme%2Fshop")]
    public async Task A_Project_Is_Asked_For_By_Its_Path_Below_GitLabs_Address(string url, string expected)
    {
        _gitLab.Then(HttpStatusCode.OK, Project);
        var project = await Client(url).GetProjectAsync("acme/shop", Cancellation);
        project.ShouldBe(new GitLabProject(42, "acme/shop", new Uri("https://gitlab.example/acme/shop"),
            new Uri("https://gitlab.example/acme/shop.git"), null, new DateTimeOffset(2026, 3, 1, 10, 0, 0, TimeSpan.Zero)));
        var request = _gitLab.Requests.ShouldHaveSingleItem();
        request.Url.ShouldBe(expected);
        request.Token.ShouldBe(Token);
        request.UserAgent.ShouldMatch(@"^ReleaseBot/\d+\.\d+\.\d+");
    }

    [Fact]
    public async Task A_Ref_With_Slashes_Is_One_Segment()
    {
        _gitLab.Then(HttpStatusCode.OK, Ref("release/2026/1#x")).Then(HttpStatusCode.OK, Ref("release/2026/1#x"));
        var tag = await Client().GetRefAsync(42, GitRef.Tag("release/2026/1#x"), Cancellation);
        tag.ShouldBe(new GitLabRef(true, TagObject, Commit, new DateTimeOffset(2026, 2, 1, 21, 56, 31, TimeSpan.FromHours(1))));
        await Client().GetRefAsync(42, GitRef.Branch("release/2026/1#x"), Cancellation);
        _gitLab.Requests.Select(request => request.Url).ShouldBe([
            "https://gitlab.example/api/v4/projects/42/repository/tags/release%2F2026%2F1%23x",
            "https://gitlab.example/api/v4/projects/42/repository/branches/release%2F2026%2F1%23x"]);
    }

    [Fact]
    public async Task An_Answer_About_Another_Ref_Is_Not_Believed()
    {
        _gitLab.Then(HttpStatusCode.OK, Ref("V1"));
        (await Fails(() => Client().GetRefAsync(42, GitRef.Tag("v1"), Cancellation))).Fault.ShouldBe(GitLabFault.Unexpected);
    }

    [Fact]
    public async Task What_Is_Not_There_Is_Null()
    {
        _gitLab.Then(HttpStatusCode.NotFound, """{"message":"404 Tag Not Found"}""").Then(HttpStatusCode.NotFound).Then(HttpStatusCode.NotFound);
        (await Client().GetRefAsync(42, GitRef.Tag("v1"), Cancellation)).ShouldBeNull();
        (await Client().GetProjectAsync(42, Cancellation)).ShouldBeNull();
        (await Client().GetFileAsync(42, Commit, "a/../Dockerfile", 100, Cancellation)).ShouldBeNull();
        _gitLab.Requests.Last().Url.ShouldBe($"https://gitlab.example/api/v4/projects/42/repository/files/a%2F..%2FDockerfile/raw?ref={Commit}");
    }

    [Theory]
    [InlineData(401, GitLabFault.Denied, "GitLab:Token")]
    [InlineData(403, GitLabFault.Denied, "read_api")]
    [InlineData(400, GitLabFault.Unexpected, "400")]
    [InlineData(302, GitLabFault.Unexpected, "GitLab:Url")]
    public async Task A_Permanent_Refusal_Is_Told_At_Once_And_Without_The_Token(int status, GitLabFault fault, string says)
    {
        _gitLab.Then((HttpStatusCode)status, $$"""{"message":"no {{Token}} here\nplease"}""");
        var error = await Fails(() => Client().GetProjectAsync(42, Cancellation));
        error.Fault.ShouldBe(fault);
        error.Message.ShouldContain(says);
        error.Message.ShouldNotContain(Token);
        error.Message.ShouldNotContain("\n");
        error.IsTransient.ShouldBeFalse();
    }

    [Fact]
    public async Task A_Short_Outage_Is_Waited_Out()
    {
        _gitLab.ThenThrow(new HttpRequestException("no route")).Then(HttpStatusCode.BadGateway, "<html>").Then(HttpStatusCode.OK, Project);
        (await Advancing(Client().GetProjectAsync(42, Cancellation))).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_Long_Outage_Is_The_Callers()
    {
        for (var i = 0; i < 3; i++)
        {
            _gitLab.Then(HttpStatusCode.ServiceUnavailable);
        }

        (await Fails(() => Advancing(Client().GetProjectAsync(42, Cancellation)))).Fault.ShouldBe(GitLabFault.Unavailable);
        _gitLab.Requests.Count.ShouldBe(3);
    }

    [Fact]
    public async Task A_Rate_Limit_Says_How_Long_And_Is_Not_Waited_Out_Here()
    {
        _gitLab.Then(HttpStatusCode.TooManyRequests, "Retry later", response => response.Headers.Add("Retry-After", "42"))
            .Then(HttpStatusCode.TooManyRequests, "Retry later",
                response => response.Headers.Add("RateLimit-Reset", $"{_time.GetUtcNow().AddSeconds(17).ToUnixTimeSeconds()}"))
            .Then(HttpStatusCode.TooManyRequests, "Retry later", response => response.Headers.Add("RateLimit-Reset", "9223372036854775807"));
        (await Fails(() => Client().GetProjectAsync(42, Cancellation))).RetryAfter.ShouldBe(TimeSpan.FromSeconds(42));
        (await Fails(() => Client().GetProjectAsync(42, Cancellation))).RetryAfter.ShouldBe(TimeSpan.FromSeconds(17));
        (await Fails(() => Client().GetProjectAsync(42, Cancellation))).RetryAfter.ShouldBe(TimeSpan.FromHours(1));
    }

    [Theory]
    [InlineData("<html>Sign in</html>")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("""{"id":"x"}""")]
    [InlineData("")]
    public async Task A_Body_That_Makes_No_Sense_Is_Told(string body)
    {
        _gitLab.Then(HttpStatusCode.OK, body);
        var error = await Fails(() => Client().GetProjectAsync(42, Cancellation));
        error.Fault.ShouldBe(GitLabFault.Unexpected);
        error.Message.ShouldContain("GitLab:Url");
    }

    [Fact]
    public async Task A_Body_Without_End_Is_Cut_Off()
    {
        using var endless = new EndlessStream();
        _gitLab.ThenContent(() => new StreamContent(endless)).ThenContent(() => new StreamContent(endless));
        (await Fails(() => Client().GetProjectAsync(42, Cancellation))).Fault.ShouldBe(GitLabFault.Unexpected);
        endless.Read.ShouldBeLessThan(9 * 1024 * 1024);
        (await Fails(() => Client().GetFileAsync(42, Commit, ".dockerignore", 1000, Cancellation))).Message.ShouldContain("1000 bytes");
    }

    [Fact]
    public async Task A_Silent_GitLab_Times_Out_As_Unavailable()
    {
        for (var i = 0; i < 3; i++)
        {
            _gitLab.ThenContent(() => new StreamContent(new SilentStream()));
        }

        var error = await Fails(() => Advancing(Client().GetProjectAsync(42, Cancellation)));
        error.Fault.ShouldBe(GitLabFault.Unavailable);
        error.Message.ShouldContain("in time");
    }

    [Fact]
    public async Task A_Caller_Who_Leaves_Is_No_Outage()
    {
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        _gitLab.ThenContent(() => new StreamContent(new SilentStream()));
        var asking = Client().GetProjectAsync(42, leaving.Token);
        await leaving.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => asking);
    }

    [Fact]
    public async Task Lists_Follow_The_Next_Link_To_The_End()
    {
        _gitLab.Then(HttpStatusCode.OK, $"[{Ref("v2")},{Ref("v1")}]", response => response.Headers.Add("Link",
                "<https://gitlab.example/api/v4/projects/42/repository/tags?page=1&x=a,b>; rel=\"first\", <https://gitlab.example/api/v4/projects/42/repository/tags?page=2>; rel=\"next\""))
            .Then(HttpStatusCode.OK, $"[{Ref("v0")}]");
        var names = new List<string>();
        await foreach (var tag in Client().ListTagsAsync(42, Cancellation))
        {
            names.Add(tag.Name);
        }

        names.ShouldBe(["v2", "v1", "v0"]);
        _gitLab.Requests.First().Url.ShouldContain("order_by=updated");
        _gitLab.Requests.Last().Url.ShouldEndWith("page=2");
    }

    [Theory]
    [InlineData("https://evil.example/api/v4/projects?page=2")]
    [InlineData("http://gitlab.example/api/v4/projects?page=2")]
    [InlineData("https://gitlab.example:444/api/v4/projects?page=2")]
    [InlineData("https://gitlab.example/api/v4/../../steal?page=2")]
    [InlineData("https://jane@gitlab.example/api/v4/projects?page=2")]
    [InlineData("//evil.example/api/v4/projects?page=2")]
    public async Task A_Next_Link_To_Another_Place_Is_Not_Followed(string next)
    {
        _gitLab.Then(HttpStatusCode.OK, $"[{Project}]", response => response.Headers.TryAddWithoutValidation("Link", $"<{next}>; rel=\"next\""));
        (await Fails(() => Client().ListProjectsAsync(Cancellation).ToListAsync(Cancellation).AsTask())).Message.ShouldContain("GitLab:Url");
        _gitLab.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_List_That_Turns_In_A_Circle_Ends()
    {
        for (var i = 0; i < 3; i++)
        {
            _gitLab.Then(HttpStatusCode.OK, "[]", response => response.Headers.Add("Link", "<https://gitlab.example/api/v4/projects?page=2>; rel=\"next\""));
        }

        (await Fails(() => Client().ListProjectsAsync(Cancellation).ToListAsync(Cancellation).AsTask())).Fault.ShouldBe(GitLabFault.Unexpected);
    }

    [Fact]
    public async Task A_Moved_Project_Is_Followed_Within_GitLab_Only()
    {
        _gitLab.Then(HttpStatusCode.MovedPermanently, change: response => response.Headers.Location = new Uri("https://gitlab.example/api/v4/projects/42"))
            .Then(HttpStatusCode.OK, Project)
            .Then(HttpStatusCode.MovedPermanently, change: response => response.Headers.Location = new Uri("https://evil.example/api/v4/projects/42"));
        (await Client().GetProjectAsync("old/shop", Cancellation)).ShouldNotBeNull();
        await Fails(() => Client().GetProjectAsync("old/shop", Cancellation));
        _gitLab.Requests.ShouldAllBe(request => request.Url.StartsWith("https://gitlab.example/"));
    }

    [Fact]
    public async Task The_Archives_Limit_Is_A_Fault_Of_Its_Own()
    {
        _gitLab.Then(HttpStatusCode.TooManyRequests, """{"message":{"error":"too many"}}""")
            .Then(HttpStatusCode.NotFound, """{"message":"404 File Not Found"}""");
        var error = await Fails(() => Client().OpenArchiveAsync(42, Commit, Cancellation));
        error.Fault.ShouldBe(GitLabFault.RateLimitedArchive);
        error.RetryAfter.ShouldBeNull();
        (await Fails(() => Client().OpenArchiveAsync(42, Commit, Cancellation))).Fault.ShouldBe(GitLabFault.NotFound);
    }

    [Fact]
    public async Task An_Archive_That_Falls_Silent_Ends_As_Unavailable()
    {
        _gitLab.ThenContent(() => new StreamContent(new SilentStream()));
        await using var archive = await Client().OpenArchiveAsync(42, Commit, Cancellation);
        var error = await Fails(() => Advancing(archive.ReadAsync(new byte[10], Cancellation).AsTask()));
        error.Fault.ShouldBe(GitLabFault.Unavailable);
    }

    [Fact]
    public async Task An_Archive_Is_Sent_Before_It_Is_Read_And_No_More_Of_It_Than_Is_Kept()
    {
        var sent = new MemoryStream(RandomNumberGenerator.GetBytes(3 * ArchiveStream.Limit));
        _gitLab.ThenContent(() => new StreamContent(sent));
        await using var archive = await Client().OpenArchiveAsync(42, Commit, Cancellation);
        // A stream in memory answers at once, so that what is kept has come by now.
        sent.Position.ShouldBeInRange(ArchiveStream.Limit, ArchiveStream.Limit + (128 << 10));

        var read = new MemoryStream();
        await archive.CopyToAsync(read, Cancellation);
        read.ToArray().ShouldBe(sent.ToArray());
    }

    [Fact]
    public async Task An_Archive_That_Nobody_Reads_Is_Let_Go_Of()
    {
        var sent = new MemoryStream(new byte[3 * ArchiveStream.Limit]);
        _gitLab.ThenContent(() => new StreamContent(sent));
        var archive = await Client().OpenArchiveAsync(42, Commit, Cancellation);

        await archive.DisposeAsync();

        sent.CanRead.ShouldBeFalse();
    }

    [Fact]
    public async Task A_Status_Waits_For_The_Lock_And_Takes_One_That_Stands_For_Set()
    {
        _gitLab.Then(HttpStatusCode.Conflict).Then(HttpStatusCode.Created, "{}").Then(HttpStatusCode.BadRequest,
            """{"message":"Cannot transition status via :run from :running (Reason(s): Status cannot transition via \"run\")"}""");
        await Advancing(SetStatus());
        await SetStatus();
        var body = _gitLab.Requests.Last().Body!;
        body.ShouldContain("\"state\":\"running\"");
        body.ShouldContain("\"ref\":\"v1\"");
        body.ShouldContain("\"name\":\"releasebot/publish\"");
        body.ShouldContain($"\"description\":\"{new string('x', 255)}\"");
        body.ShouldNotContain("target_url");
        _gitLab.Then(HttpStatusCode.BadRequest, """{"message":"name is too long"}""");
        (await Fails(SetStatus)).Message.ShouldContain("too long");
        for (var i = 0; i < 4; i++)
        {
            _gitLab.Then(HttpStatusCode.Conflict);
        }

        await Fails(() => Advancing(SetStatus()));
    }

    [Theory]
    [InlineData(null, "<<new>>")]
    [InlineData("  ", "<<new>>")]
    [InlineData("Notes", "Notes\n\n<<new>>")]
    [InlineData("Notes\n<<old>>\nmore", "Notes\n<<new>>\nmore")]
    [InlineData("Notes\n<!-- releasebot:begin --> unfinished", "Notes\n<!-- releasebot:begin --> unfinished\n\n<<new>>")]
    [InlineData("<!-- releasebot:begin --> stray\nNotes\n<<old>>", "<!-- releasebot:begin --> stray\nNotes\n<<new>>")]
    [InlineData("<!-- releasebot:end --> stray", "<!-- releasebot:end --> stray\n\n<<new>>")]
    public void Our_Block_Replaces_Itself_And_Nothing_Else(string? existing, string expected)
    {
        var result = ReleaseDescription.WithBlock(Expand(existing), " new<!-- releasebot:end --> ");
        result.ShouldBe(Expand(expected));
    }

    private static string? Expand(string? text) => text?
        .Replace("<<", "<!-- releasebot:begin -->\n", StringComparison.Ordinal)
        .Replace(">>", "\n<!-- releasebot:end -->", StringComparison.Ordinal);

    private Task SetStatus() => Client().SetCommitStatusAsync(42, Commit, GitRef.Tag("v1"), CommitState.Running, new string('x', 300),
        new Uri("https://bot.example/" + new string('y', 300)), Cancellation);

    private GitLabClient Client(string url = "https://gitlab.example") => _client ??= new GitLabClient(
        _gitLab, new GitLabSettings { Url = new Uri(url), Token = new Secret(Token) }, _time, NullLogger<GitLabClient>.Instance);

    private static Task<GitLabException> Fails(Func<Task> act) => Should.ThrowAsync<GitLabException>(act);

    /// <summary>Lets the clock run while something waits for it.</summary>
    private async Task Advancing(Task task)
    {
        while (!task.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        await task;
    }

    private async Task<T> Advancing<T>(Task<T> task)
    {
        await Advancing((Task)task);
        return await task;
    }

    private static string Ref(string name) => $$"""
        {"name":"{{name}}","message":null,"target":"{{TagObject}}","commit":{"id":"{{Commit}}","committed_date":"2026-02-01T21:56:31.000+01:00"},"release":null,"protected":true}
        """;

    private sealed class EndlessStream : MemoryStream
    {
        public new long Read { get; private set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            buffer.Span.Fill((byte)' ');
            Read += buffer.Length;
            return ValueTask.FromResult(buffer.Length);
        }
    }

    private sealed class SilentStream : MemoryStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
            return 0;
        }
    }
}
