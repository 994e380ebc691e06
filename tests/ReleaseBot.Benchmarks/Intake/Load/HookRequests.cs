using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ReleaseBot.Benchmarks.Intake.Subjects;

namespace ReleaseBot.Benchmarks.Intake.Load;

/// <summary>
/// Deliveries of tag pushes, ready to be sent: made and signed before the clock runs, each with an id, a tag and a commit of its own, all
/// in one array. They have GitLab's fields and its usual size, about 2 kB.
/// </summary>
internal sealed class HookRequests
{
    private const string Body =
        """
        {"object_kind":"tag_push","event_name":"tag_push","before":"0000000000000000000000000000000000000000","after":"{sha}","ref":"refs/tags/{tag}","ref_protected":true,"checkout_sha":"{sha}","message":"A release","user_id":42,"user_name":"Jane Doe","user_username":"jdoe","user_email":"","user_avatar":"https://gitlab.example/uploads/-/system/user/avatar/42/avatar.png","project_id":7,"project":{"id":7,"name":"shop","description":"Where everything is sold","web_url":"https://gitlab.example/acme/shop","avatar_url":null,"git_ssh_url":"git@gitlab.example:acme/shop.git","git_http_url":"https://gitlab.example/acme/shop.git","namespace":"acme","visibility_level":0,"path_with_namespace":"acme/shop","default_branch":"main","ci_config_path":null,"homepage":"https://gitlab.example/acme/shop","url":"git@gitlab.example:acme/shop.git","ssh_url":"git@gitlab.example:acme/shop.git","http_url":"https://gitlab.example/acme/shop.git"},"commits":[{"id":"{sha}","message":"Charge the customer once\n\nA retry found the first payment and took it for another.\n","title":"Charge the customer once","timestamp":"2026-01-05T10:11:12+00:00","url":"https://gitlab.example/acme/shop/-/commit/{sha}","author":{"name":"Jane Doe","email":"jane@example.com"},"added":[],"modified":["src/payments/charge.ts"],"removed":[]}],"total_commits_count":1,"push_options":{},"repository":{"name":"shop","url":"git@gitlab.example:acme/shop.git","description":"Where everything is sold","homepage":"https://gitlab.example/acme/shop","git_http_url":"https://gitlab.example/acme/shop.git","git_ssh_url":"git@gitlab.example:acme/shop.git","visibility_level":0}}
        """;

    private readonly byte[] _requests;
    private readonly int _length;

    private HookRequests(byte[] requests, int length) => (_requests, _length) = (requests, length);

    public int Count => _requests.Length / _length;

    public ReadOnlySpan<byte> this[int index] => _requests.AsSpan(index * _length, _length);

    /// <summary>Signed as of now; the bot takes them for as long as its replay window is.</summary>
    /// <param name="firstNumber">Of the tags; ranges that do not meet make deliveries that do not.</param>
    public static HookRequests Build(Uri address, long firstNumber, int count)
    {
        var timestamp = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var key = Convert.FromBase64String(MeasuredBot.SigningToken["whsec_".Length..]);
        byte[]? requests = null;
        var length = 0;
        for (var i = 0; i < count; i++)
        {
            var request = Request(address, firstNumber + i, timestamp, key);
            requests ??= new byte[(length = request.Length) * count];
            request.CopyTo(requests, i * length);
        }

        return new HookRequests(requests!, length);
    }

    /// <summary>The body of one, as a row of the history has it.</summary>
    public static string BodyOf(long number) => Body
        .Replace("{sha}", CommitOf(number), StringComparison.Ordinal)
        .Replace("{tag}", TagOf(number), StringComparison.Ordinal);

    public static string TagOf(long number) => string.Create(CultureInfo.InvariantCulture, $"v1.0.{number:D12}");

    public static string CommitOf(long number) => Convert.ToHexStringLower(Hash(number));

    /// <summary>In no order, as GitLab's are.</summary>
    public static string IdOf(long number) => new Guid(Hash(number).AsSpan(0, 16)).ToString();

    /// <summary>What is kept of the headers of one, as a row of the history has it.</summary>
    public static string KeptHeaders(string id) =>
        $$"""{"X-Gitlab-Event":"Tag Push Hook","X-Gitlab-Instance":"https://gitlab.example","X-Gitlab-Event-UUID":"{{id}}","webhook-id":"{{id}}","webhook-timestamp":"1767607872","Idempotency-Key":"{{id}}","User-Agent":"GitLab/19.1.0","Content-Type":"application/json"}""";

    private static byte[] Hash(long number) => SHA1.HashData(BitConverter.GetBytes(number));

    private static byte[] Request(Uri address, long number, long timestamp, byte[] key)
    {
        var body = BodyOf(number);
        var id = IdOf(number);
        var signature = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{timestamp}.{body}")));
        return Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"""
            POST {address.AbsolutePath} HTTP/1.1
            Host: {address.Authority}
            Content-Type: application/json
            User-Agent: GitLab/19.1.0
            Idempotency-Key: {id}
            X-Gitlab-Event: Tag Push Hook
            X-Gitlab-Webhook-UUID: {id}
            X-Gitlab-Instance: https://gitlab.example
            X-Gitlab-Event-UUID: {id}
            X-Gitlab-Token: {MeasuredBot.SecretToken}
            webhook-id: {id}
            webhook-timestamp: {timestamp}
            webhook-signature: v1,{Convert.ToBase64String(signature)}
            Content-Length: {body.Length}

            {body}
            """).ReplaceLineEndings("\r\n"));
    }
}
