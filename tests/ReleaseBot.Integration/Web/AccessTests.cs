using System.Net;
using System.Net.Http.Headers;
using System.Text;
using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

public sealed class AccessTests
{
    private static readonly AccessSettings Anonymous = WebFixture.Tokens with { AnonymousRead = true };

    [Theory]
    [InlineData("GET", "/api/v1/releases")]
    [InlineData("GET", "/api/v1/deliveries")]
    [InlineData("GET", "/api/v1/queue")]
    [InlineData("GET", "/metrics")]
    [InlineData("GET", "/")]
    [InlineData("POST", "/api/v1/releases/0199d4c2-0000-7000-8000-000000000000/retry")]
    [InlineData("POST", "/api/v1/releases/0199d4c2-0000-7000-8000-000000000000/cancel")]
    [InlineData("POST", "/api/v1/deliveries/0199d4c2-0000-7000-8000-000000000000/replay")]
    public async Task Tokens_Are_Judged_By_Scope(string method, string path)
    {
        await using var web = await WebFixture.StartAsync();
        var isChange = method == "POST";

        (await AskAsync(web, method, path, null)).ShouldBe((HttpStatusCode.Unauthorized, "token-needed"));
        (await AskAsync(web, method, path, "Bearer wrong")).ShouldBe((HttpStatusCode.Unauthorized, "token-unknown"));
        (await AskAsync(web, method, path, $"Token {WebFixture.OperateSecret}")).ShouldBe((HttpStatusCode.Unauthorized, "token-unknown"));
        (await AskAsync(web, method, path, $"Bearer {WebFixture.ReadSecret}")).Status.ShouldBe(isChange ? HttpStatusCode.Forbidden : HttpStatusCode.OK);
        (await AskAsync(web, method, path, $"Bearer {WebFixture.OperateSecret}")).Status.ShouldBe(isChange ? HttpStatusCode.NotFound : HttpStatusCode.OK);
        // A browser sends these by itself, for a foreign page's forms too.
        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes($"any:{WebFixture.OperateSecret}"));
        (await AskAsync(web, method, path, $"Basic {basic}")).Status.ShouldBe(isChange ? HttpStatusCode.Unauthorized : HttpStatusCode.OK);
    }

    [Fact]
    public async Task Challenge_Names_The_Scheme()
    {
        await using var web = await WebFixture.StartAsync();
        web.Http.DefaultRequestHeaders.Authorization = null;

        (await web.GetAsync("/api/v1/releases")).Headers["WWW-Authenticate"].ShouldBe("Bearer realm=\"releasebot\"");
        (await web.GetAsync("/")).Headers["WWW-Authenticate"].ShouldContain("Basic");
        web.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", WebFixture.ReadSecret);
        (await web.PostAsync("/api/v1/releases", "{}")).Headers["WWW-Authenticate"].ShouldContain("insufficient_scope");
    }

    [Fact]
    public async Task Anonymous_Reading_Is_Reading_Only()
    {
        await using var web = await WebFixture.StartAsync(Anonymous);

        (await AskAsync(web, "GET", "/api/v1/releases", null)).Status.ShouldBe(HttpStatusCode.OK);
        (await AskAsync(web, "GET", "/api/v1/releases", "Bearer wrong")).Status.ShouldBe(HttpStatusCode.Unauthorized);
        (await AskAsync(web, "POST", "/api/v1/releases", null)).Status.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData("127.0.0.1", null, null, true)]
    [InlineData("localhost", null, null, true)]
    [InlineData("[::1]", null, null, true)]
    [InlineData("releasebot.example", null, null, false)]
    [InlineData("127.0.0.1.nip.example", null, null, false)]
    [InlineData("127.0.0.1", "X-Forwarded-For", "10.0.0.1", false)]
    [InlineData("127.0.0.1", "X-Forwarded-Anything", "x", false)]
    [InlineData("127.0.0.1", "Forwarded", "for=10.0.0.1", false)]
    [InlineData("127.0.0.1", "X-Real-IP", "10.0.0.1", false)]
    [InlineData("127.0.0.1", "Via", "1.1 proxy", false)]
    public async Task Without_Tokens_Only_This_Machine_May_Read(string host, string? header, string? value, bool isAllowed)
    {
        await using var web = await WebFixture.StartAsync(new AccessSettings { AnonymousRead = true });

        (await AskAsync(web, "GET", "/api/v1/releases", null, host, header, value))
            .ShouldBe(isAllowed ? (HttpStatusCode.OK, null) : (HttpStatusCode.Forbidden, "no-token-configured"));
        (await AskAsync(web, "POST", "/api/v1/releases", null, host, header, value)).ShouldBe((HttpStatusCode.Forbidden, "no-token-configured"));
    }

    [Fact]
    public async Task Without_Tokens_A_Public_Address_Allows_No_Reading()
    {
        await using var web = await WebFixture.StartAsync(new AccessSettings(), url: "http://0.0.0.0:0");

        (await AskAsync(web, "GET", "/api/v1/releases", null)).ShouldBe((HttpStatusCode.Forbidden, "no-token-configured"));
        (await AskAsync(web, "GET", "/healthz/ready", null)).Status.ShouldBe(HttpStatusCode.OK);
        (await web.GetAsync("/api/v1/releases")).Json.GetProperty("detail").GetString().ShouldNotBeNull()
            .ShouldContain("Access:AnonymousRead counts only beside a token.");
    }

    private static async Task<(HttpStatusCode Status, string? Problem)> AskAsync(
        WebFixture web, string method, string path, string? authorization, string? host = null, string? header = null, string? value = null)
    {
        web.Http.DefaultRequestHeaders.Authorization = null;
        var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (method == "POST" && path == "/api/v1/releases")
        {
            request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        }

        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        if (header is not null)
        {
            request.Headers.TryAddWithoutValidation(header, value);
        }

        request.Headers.Host = host is null ? null : $"{host}:{web.Address.Port}";
        var answer = await web.SendAsync(request);
        return (answer.Status, answer.Problem);
    }
}
