using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using ReleaseBot.Core;
using ReleaseBot.GitLab;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.GitLab;

public sealed class HookPayloadTests
{
    [Fact]
    public void An_Annotated_Tag_Names_Its_Object_And_Its_Commit()
    {
        var tag = Read<HookEvent.RefUpdated>("tag_created_annotated");
        tag.RefKind.ShouldBe(RefKind.Tag);
        tag.Ref.ShouldBe(GitRef.Tag("v1.2.3"));
        tag.FullRef.ShouldBe("refs/tags/v1.2.3");
        tag.Before.IsZero.ShouldBeTrue();
        tag.After.Value.ShouldStartWith("d4d4");
        tag.CheckoutSha!.Value.Value.ShouldStartWith("a1a1");
        tag.IsDeleted.ShouldBeFalse();
        tag.ProjectId.ShouldBe(42);
        tag.ProjectPath.ShouldBe("acme/shop");
        tag.ProjectUrl.ShouldBe(new Uri("https://gitlab.example/acme/shop"));
        tag.RefProtectedHint.ShouldBe(true);
        tag.User.ShouldBe("jdoe");
    }

    [Fact]
    public void Moves_Deletes_And_Branches_Are_Told_Apart()
    {
        Read<HookEvent.RefUpdated>("tag_created_lightweight").ShouldSatisfyAllConditions(tag => tag.After.ShouldBe(tag.CheckoutSha!.Value));
        Read<HookEvent.RefUpdated>("tag_moved").Before.IsZero.ShouldBeFalse();
        Read<HookEvent.RefUpdated>("tag_deleted").ShouldSatisfyAllConditions(tag => tag.IsDeleted.ShouldBeTrue(), tag => tag.CheckoutSha.ShouldBeNull());
        Read<HookEvent.RefUpdated>("tag_gone_when_the_hook_was_built").ShouldSatisfyAllConditions(
            tag => tag.IsDeleted.ShouldBeFalse(), tag => tag.CheckoutSha.ShouldBeNull());
        Read<HookEvent.RefUpdated>("tag_with_slash").Ref.ShouldBe(GitRef.Tag("release/2026/1"));
        Read<HookEvent.RefUpdated>("branch_pushed").Ref.ShouldBe(GitRef.Branch("main"));
        Read<HookEvent.RefUpdated>("branch_created").RefProtectedHint.ShouldBe(false);
        Read<HookEvent.RefUpdated>("branch_deleted").IsDeleted.ShouldBeTrue();
        Read<HookEvent.RefUpdated>("sha256_tag").After.Value.Length.ShouldBe(64);
    }

    [Fact]
    public void System_Hooks_And_Old_Versions_Are_Understood()
    {
        HookPayload.Parse("System Hook", Fixture("system_tag_push")).ShouldBeOfType<HookEvent.RefUpdated>().Ref.ShouldBe(GitRef.Tag("v1.2.3"));
        HookPayload.Parse("System Hook", Fixture("system_repository_update")).ShouldBe(new HookEvent.Unsupported("repository_update"));
        HookPayload.Parse("Service Hook", Fixture("branch_pushed")).ShouldBeOfType<HookEvent.RefUpdated>();
        Read<HookEvent.RefUpdated>("old_gitlab_push").ShouldSatisfyAllConditions(
            push => push.RefProtectedHint.ShouldBeNull(), push => push.User.ShouldBe("Jane Doe"));
    }

    [Fact]
    public void The_Body_Rules_Where_The_Header_Says_Otherwise()
    {
        // GitLab's test button can send a branch under a tag's header.
        HookPayload.Parse("Tag Push Hook", Fixture("branch_pushed")).ShouldBeOfType<HookEvent.RefUpdated>().RefKind.ShouldBe(RefKind.Branch);
        HookPayload.Parse("Push Hook", Fixture("merge_request")).ShouldBe(new HookEvent.Unsupported("merge_request"));
        HookPayload.Parse(null, Fixture("tag_moved")).ShouldBeOfType<HookEvent.RefUpdated>();
        HookPayload.Parse("Tag Push Hook", Change("tag_moved", body => (body["object_kind"], body["event_name"]) = (null, null)))
            .ShouldBeOfType<HookEvent.RefUpdated>();
    }

    [Fact]
    public void Other_Events_Are_Unsupported_Whatever_They_Hold()
    {
        Read<HookEvent.Unsupported>("merge_request").Event.ShouldBe("merge_request");
        Read<HookEvent.Unsupported>("release").Event.ShouldBe("release");
        HookPayload.Parse("Job Hook", Bytes("""{"object_kind":"build","ref":7,"project":"x","user_name":[],"before":{}}"""))
            .ShouldBe(new HookEvent.Unsupported("build"));
        HookPayload.Parse("Emoji Hook", Bytes("{}")).ShouldBe(new HookEvent.Unsupported("Emoji Hook"));
        HookPayload.Parse("Evil\r\nHook", Bytes("{}")).ShouldBe(new HookEvent.Unsupported("Evil\uFFFD\uFFFDHook"));
    }

    [Theory]
    [InlineData("ref")]
    [InlineData("before")]
    [InlineData("after")]
    [InlineData("project")]
    public void A_Template_That_Drops_A_Field_Makes_It_Incomplete(string field)
    {
        Parse(Change("tag_moved", body => body.Remove(field))).ShouldBeOfType<HookEvent.Incomplete>().Fault.ShouldContain(field);
        Parse(Change("tag_moved", body => body[field] = null)).ShouldBeOfType<HookEvent.Incomplete>().Fault.ShouldContain(field);
    }

    [Fact]
    public void A_Value_That_Can_Not_Be_Is_Incomplete()
    {
        Incomplete(body => body["ref"] = "v1.0.0", "has something other than a full name below refs/tags/ or refs/heads/ as its ref");
        Incomplete(body => body["ref"] = "refs/merge-requests/1/head", " as its ref");
        Incomplete(body => body["after"] = "abc", "has something other than 40 or 64 hex digits as its after");
        Incomplete(body => body["before"] = new string('g', 40), " as its before");
        Incomplete(body => (body["project_id"], body["project"]!["id"]) = (0, 0), "has something other than a positive number as its project_id");
        Incomplete(body => body["project_id"] = 43, "names two projects: project_id and project.id differ");
        foreach (var path in (string[])["shop", "acme/../shop", "/acme/shop", "acme//shop", "acme/shop ", "acme/sh\u202Eop", "https://acme/shop", new string('a', 2000) + "/b"])
        {
            Incomplete(body => body["project"]!["path_with_namespace"] = path, "has something other than a path like acme/shop as its project.path_with_namespace");
        }

        Incomplete(body => body["ref"] = "refs/notes/x", " as its ref");
        Incomplete(body => body["ref"] = null, "lacks ref, which should be a full name below refs/tags/ or refs/heads/");
        HookPayload.Parse(null, Bytes("{}")).ShouldBeOfType<HookEvent.Incomplete>().Fault.ShouldContain("object_kind");
    }

    [Theory]
    [InlineData("project_id", "\"42\"")]
    [InlineData("project_id", "4.2")]
    [InlineData("project_id", "99999999999999999999")]
    [InlineData("ref", "[]")]
    [InlineData("ref", "{\"a\":1}")]
    [InlineData("before", "1")]
    [InlineData("after", "true")]
    [InlineData("checkout_sha", "[[]]")]
    [InlineData("ref_protected", "\"true\"")]
    [InlineData("project", "[1]")]
    [InlineData("user_username", "{}")]
    public void A_Wrong_Type_Is_A_Format_Error_That_Names_The_Field(string field, string value) =>
        Should.Throw<HookFormatException>(() => Parse(Change("tag_moved", body => body[field] = JsonNode.Parse(value)))).Message.ShouldContain(field);

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"push\"")]
    [InlineData("{")]
    [InlineData("{}x")]
    [InlineData("{} {}")]
    [InlineData("{'object_kind':'push'}")]
    [InlineData("{\"object_kind\":\"push\", // a comment\n}")]
    [InlineData("{\"object_kind\":\"\\ud800\"}")]
    [InlineData("{\"\\ud800\":1}")]
    public void What_Is_No_Json_Object_Is_A_Format_Error(string body) => Should.Throw<HookFormatException>(() => Parse(Bytes(body)));

    [Fact]
    public void Text_That_Is_Not_Utf8_Is_A_Format_Error() =>
        Should.Throw<HookFormatException>(() => Parse([.. "{\"ref\":\""u8, 0xFF, 0xFE, .. "\"}"u8]));

    [Fact]
    public void Deep_Nesting_Is_A_Format_Error_And_Not_A_Stack_Overflow()
    {
        var deep = Bytes("{\"x\":" + new string('[', 100_000) + new string(']', 100_000) + "}");
        Should.Throw<HookFormatException>(() => Parse(deep));
        Parse(Bytes("{\"object_kind\":\"x\",\"y\":" + new string('[', 60) + new string(']', 60) + "}")).ShouldBe(new HookEvent.Unsupported("x"));
    }

    [Fact]
    public void Names_That_Git_Forbids_Have_No_Ref_And_Show_Printably()
    {
        foreach (var name in (string[])["a..b", "../../etc", "a b", "a\nb", "x.lock", "-rf", "a\\b", new string('x', 10_000)])
        {
            var updated = Parse(Change("tag_moved", body => body["ref"] = $"refs/tags/{name}")).ShouldBeOfType<HookEvent.RefUpdated>();
            updated.Ref.ShouldBeNull();
            updated.FullRef.Length.ShouldBeLessThanOrEqualTo(512);
            updated.FullRef.ShouldNotContain("\n");
        }
    }

    [Fact]
    public void Text_Of_Users_Is_Kept_Printable_And_Short()
    {
        var updated = Parse(Change("tag_moved", body =>
        {
            body["ref"] = "refs/tags/v1\u202Etxt.exe";
            body["user_username"] = "Jane\r\n\u001b[31mDoe\u2066" + new string('x', 10_000);
            body["project"]!["web_url"] = "javascript:alert(1)";
        })).ShouldBeOfType<HookEvent.RefUpdated>();
        updated.FullRef.ShouldBe("refs/tags/v1\uFFFDtxt.exe");
        updated.User!.Length.ShouldBe(255);
        updated.User.ShouldStartWith("Jane\uFFFD\uFFFD\uFFFD[31mDoe\uFFFDxxx");
        updated.ProjectUrl.ShouldBeNull();
        Parse(Change("tag_moved", body => body["project"]!["web_url"] = "https://jane:pw@gitlab.example/acme/shop"))
            .ShouldBeOfType<HookEvent.RefUpdated>().ProjectUrl.ShouldBeNull();
        Printable.Text("ab🚀c", 3).ShouldBe("ab");
    }

    [Fact]
    public void Every_Recorded_Payload_Is_Understood()
    {
        var bodies = Directory.GetFiles(PayloadFolder, "*.json").Where(file => !file.Contains("_api_", StringComparison.Ordinal)).ToList();
        bodies.Count.ShouldBeGreaterThan(5);
        foreach (var file in bodies)
        {
            var hook = HookPayload.Parse(null, File.ReadAllBytes(file));
            hook.ShouldNotBeOfType<HookEvent.Incomplete>(file);
            (hook is not HookEvent.RefUpdated { Ref: null }).ShouldBeTrue(file);
        }
    }

    // Whatever comes in, a refusal is all that flies out.
    [Fact]
    public void A_Damaged_Payload_Throws_Nothing_But_A_Format_Error()
    {
        var seeds = Directory.GetFiles(PayloadFolder, "*.json").Select(File.ReadAllBytes).ToArray();
        Gen.Select(Gen.OneOf(seeds), Gen.Select(Gen.Int[0, 100_000], Gen.Byte, Gen.Int[0, 3]).Array[1, 8]).Sample((seed, edits) =>
        {
            var body = seed.ToList();
            foreach (var (at, value, edit) in edits)
            {
                var index = at % body.Count;
                switch (edit)
                {
                    case 0:
                        body[index] = value;
                        break;
                    case 1:
                        body.Insert(index, value);
                        break;
                    case 2:
                        body.RemoveRange(index, Math.Min(value, body.Count - index - 1));
                        break;
                    default:
                        body.AddRange(body.GetRange(index, Math.Min(value, body.Count - index)));
                        break;
                }
            }

            ParseOrRefuse([.. body]);
        });
    }

    [Fact]
    public void Json_With_Any_Values_Throws_Nothing_But_A_Format_Error()
    {
        string[] names = ["object_kind", "event_name", "ref", "before", "after", "checkout_sha", "ref_protected", "project_id", "project", "id", "path_with_namespace", "web_url"];
        string[] values = ["null", "true", "1", "-1", "1e400", "\"push\"", "\"tag_push\"", "\"refs/tags/v1\"", "\"\"", "[]", "{}", $"\"{new string('a', 40)}\"", "\"\\udc00\"", "\"a/b\"", "{\"id\":1}", "{\"path_with_namespace\":\"a/b\",\"id\":7}"];
        Gen.Select(Gen.OneOf(names), Gen.OneOf(values)).Array[0, 14].Sample(fields =>
            ParseOrRefuse(Bytes("{" + string.Join(',', fields.Select(field => $"\"{field.Item1}\":{field.Item2}")) + "}")));
    }

    private static string PayloadFolder => Environment.GetEnvironmentVariable("RELEASEBOT_PAYLOADS") is { Length: > 0 } folder ? folder : Fixtures.Folder;

    private static void ParseOrRefuse(byte[] body)
    {
        try
        {
            HookPayload.Parse("Push Hook", body).ShouldNotBeNull();
        }
        catch (HookFormatException)
        {
            // A refusal.
        }
    }

    private static void Incomplete(Action<JsonObject> change, string missing) =>
        Parse(Change("tag_moved", change)).ShouldBeOfType<HookEvent.Incomplete>().Fault.ShouldContain(missing);

    private static T Read<T>(string fixture)
        where T : HookEvent => Parse(Fixture(fixture)).ShouldBeOfType<T>();

    private static HookEvent Parse(byte[] body) => HookPayload.Parse("Push Hook", body);

    private static byte[] Fixture(string name) => File.ReadAllBytes(Path.Combine(Fixtures.Folder, name + ".json"));

    private static byte[] Change(string fixture, Action<JsonObject> change)
    {
        var body = JsonNode.Parse(Fixture(fixture))!.AsObject();
        change(body);
        return Bytes(body.ToJsonString());
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
