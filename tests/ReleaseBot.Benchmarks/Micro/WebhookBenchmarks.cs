using System.Security.Cryptography;
using System.Text;
using BenchmarkDotNet.Attributes;
using Microsoft.AspNetCore.Http;
using ReleaseBot.Core;
using ReleaseBot.GitLab;

namespace ReleaseBot.Benchmarks.Micro;

/// <summary>What a delivery costs before it is stored: who sent it, and what it says.</summary>
public class WebhookBenchmarks
{
    private const string Secret = "a-secret-of-the-benchmarks";
    private const string Id = "0190f0c4-7d8e-7b1a-9c9e-0123456789ab";
    private static readonly byte[] Key = Encoding.UTF8.GetBytes("0123456789abcdef0123456789abcdef");

    private readonly byte[] _body = Body();
    private readonly HeaderDictionary _signed = [];
    private readonly HeaderDictionary _withToken = new() { ["X-Gitlab-Token"] = Secret };
    private readonly WebhookAuthenticator _authenticator = new(
        new WebhookSettings
        {
            Secrets = [new Secret(Secret)],
            SigningTokens = [new Secret("whsec_" + Convert.ToBase64String(Key))],
            // Longer than any run.
            ReplayWindow = TimeSpan.FromDays(1),
        },
        TimeProvider.System);

    [GlobalSetup]
    public void Sign()
    {
        var timestamp = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds().ToString(null, null);
        byte[] content = [.. Encoding.UTF8.GetBytes($"{Id}.{timestamp}."), .. _body];
        var signature = HMACSHA256.HashData(Key, content);
        _signed["webhook-id"] = Id;
        _signed["webhook-timestamp"] = timestamp;
        _signed["webhook-signature"] = "v1," + Convert.ToBase64String(signature);
        Work.Expect(CheckSignature() is WebhookVerdict.Signed, "the signature fits");
        Work.Expect(CheckToken() is WebhookVerdict.Token, "the token fits");
        Work.Expect(Parse() is HookEvent.RefUpdated { Ref.Name: "v1.2.3" }, "the body is read");
    }

    [Benchmark(Description = "check a signature")]
    public WebhookVerdict CheckSignature() => _authenticator.Verify(_signed, _body);

    [Benchmark(Description = "check a token")]
    public WebhookVerdict CheckToken() => _authenticator.Verify(_withToken, _body);

    [Benchmark(Description = "read a tag push with 20 commits")]
    public HookEvent Parse() => HookPayload.Parse("Tag Push Hook", _body);

    /// <summary>As GitLab sends it, some 8 kB.</summary>
    private static byte[] Body()
    {
        var commits = string.Join(',', Enumerable.Range(0, 20).Select(number => $$"""
            {"id":"{{number:x40}}","message":"Say what change {{number}} is for","title":"Say what change {{number}} is for","timestamp":"2026-01-31T12:00:00+01:00",
             "url":"https://gitlab.example/acme/shop/-/commit/{{number:x40}}","author":{"name":"Jo Doe","email":"jo@example.com"},
             "added":["src/New{{number}}.cs"],"modified":["src/App.cs","README.md"],"removed":[]}
            """));
        return Encoding.UTF8.GetBytes($$"""
            {"object_kind":"tag_push","event_name":"tag_push","before":"0000000000000000000000000000000000000000",
             "after":"82b3d5ae55f7080f1e6022629cdb57bfae7cccc7","ref":"refs/tags/v1.2.3","ref_protected":true,
             "checkout_sha":"b1946ac92492d2347c6235b4d2611184aabbccdd","message":"Release 1.2.3","user_id":1,"user_name":"Jo Doe","user_username":"jdoe",
             "project_id":17,"project":{"id":17,"name":"shop","web_url":"https://gitlab.example/acme/shop","namespace":"acme","visibility_level":0,
             "path_with_namespace":"acme/shop","default_branch":"main","git_http_url":"https://gitlab.example/acme/shop.git"},
             "commits":[{{commits}}],"push_options":{},"total_commits_count":20}
            """);
    }
}
