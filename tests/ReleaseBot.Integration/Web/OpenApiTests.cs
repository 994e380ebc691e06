using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.Web;

public sealed class OpenApiTests
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Fact]
    public async Task Description_Is_The_One_In_The_Docs()
    {
        await using var web = await WebFixture.StartAsync();
        var actual = JsonNode.Parse((await web.GetAsync("/openapi/v1.json")).Text)!.ToJsonString(Indented) + "\n";
        var path = Repository.Path("docs/openapi.json");
        if (Environment.GetEnvironmentVariable("RELEASEBOT_UPDATE") == "1")
        {
            await File.WriteAllTextAsync(path, actual, WebFixture.Cancellation);
        }

        (await File.ReadAllTextAsync(path, WebFixture.Cancellation)).ShouldBe(
            actual, "The API's description has changed. If that is meant, run this test with RELEASEBOT_UPDATE=1 and commit docs/openapi.json.");
    }

    [Fact]
    public async Task Every_Operation_Has_A_Name_A_Summary_And_Its_Problems()
    {
        await using var web = await WebFixture.StartAsync();
        var paths = (await web.GetAsync("/openapi/v1.json")).Json.GetProperty("paths");
        foreach (var path in paths.EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                operation.Value.GetProperty("operationId").GetString().ShouldNotBeNullOrEmpty(path.Name);
                operation.Value.GetProperty("summary").GetString().ShouldNotBeNullOrEmpty(path.Name);
                if (path.Name.StartsWith("/api/", StringComparison.Ordinal))
                {
                    operation.Value.GetProperty("responses").TryGetProperty("401", out _).ShouldBeTrue($"{operation.Name} {path.Name}");
                    operation.Value.TryGetProperty("security", out _).ShouldBeTrue($"{operation.Name} {path.Name}");
                }
            }
        }
    }
}
