using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ReleaseBot.Integration.Web;

/// <summary>Bodies as GitLab sends them.</summary>
internal static class Hooks
{
    public const string Zero = "0000000000000000000000000000000000000000";

    /// <summary>Any text makes an object id.</summary>
    public static string Id(string text) => Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(text)));

    public static string Tag(string name = "v1.0.0", string project = "acme/shop", long projectId = 7, string? after = null, string before = Zero) =>
        Push("tag_push", $"refs/tags/{name}", project, projectId, before, after ?? Id(name)).ToJsonString();

    public static JsonObject Push(string kind, string fullRef, string project, long projectId, string before, string after) => new()
    {
        ["object_kind"] = kind,
        ["event_name"] = kind,
        ["before"] = before,
        ["after"] = after,
        ["ref"] = fullRef,
        ["ref_protected"] = true,
        ["checkout_sha"] = after == Zero ? null : after,
        ["user_name"] = "Jane Doe",
        ["user_username"] = "jdoe",
        ["project_id"] = projectId,
        ["project"] = new JsonObject { ["id"] = projectId, ["web_url"] = $"https://gitlab.example/{project}", ["path_with_namespace"] = project },
        ["commits"] = new JsonArray(),
    };

    /// <summary>A body of exactly so many bytes.</summary>
    public static string OfLength(int bytes)
    {
        var body = Push("tag_push", "refs/tags/v1.0.0", "acme/shop", 7, Zero, Id("v1.0.0"));
        body["message"] = "";
        body["message"] = new string('x', bytes - JsonSerializer.SerializeToUtf8Bytes(body).Length);
        return body.ToJsonString();
    }

    /// <summary>Signs as Standard Webhooks do.</summary>
    public static HttpRequestMessage Signed(string body, string id, DateTimeOffset at, string token = WebFixture.SigningToken)
    {
        var timestamp = at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var key = Convert.FromBase64String(token["whsec_".Length..]);
        var signature = Convert.ToBase64String(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{id}.{timestamp}.{body}")));
        var request = WebFixture.HookRequest(new StringContent(body, Encoding.UTF8, "application/json"), secret: null);
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", timestamp);
        request.Headers.Add("webhook-signature", $"v1,{signature}");
        return request;
    }
}
