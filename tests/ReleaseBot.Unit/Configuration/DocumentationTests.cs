using System.Runtime.CompilerServices;
using ReleaseBot.Configuration;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Configuration;

public sealed class DocumentationTests
{
    private const string Begin = "<!-- keys: written from the schema; run the unit tests with RELEASEBOT_UPDATE=1 to renew it -->\n";
    private const string End = "<!-- /keys -->";

    [Fact]
    public async Task The_Reference_In_The_Docs_Is_What_The_Schema_Says()
    {
        var path = InRepository("docs/configuration.md");
        var page = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
        var (start, end) = (page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length, page.IndexOf(End, StringComparison.Ordinal));
        start.ShouldBeGreaterThan(Begin.Length);
        end.ShouldBeGreaterThanOrEqualTo(start);

        var expected = page[..start] + "\n" + ConfigurationReference.Markdown() + page[end..];
        if (Environment.GetEnvironmentVariable("RELEASEBOT_UPDATE") == "1")
        {
            await File.WriteAllTextAsync(path, expected, TestContext.Current.CancellationToken);
            return;
        }

        page.ShouldBe(expected, "docs/configuration.md is behind the schema: run the unit tests with RELEASEBOT_UPDATE=1 and look at the difference.");
    }

    [Fact]
    public async Task The_Sample_Is_Valid_And_Shows_Every_Section()
    {
        var json = await File.ReadAllTextAsync(InRepository("appsettings.sample.json"), TestContext.Current.CancellationToken);
        var merged = Given.Merged(json);

        SettingsReader.Read(merged, Roles.All).Problems.ShouldBeEmpty();
        var given = merged.Values.Select(value => ConfigurationKey.Segments(value.Key)[0]).ToHashSet();
        SettingsSchema.Root.Children.Select(child => child.Name).ShouldBeSubsetOf(given);
    }

    [Fact]
    public void Every_Place_In_The_Schema_Has_A_Meaning_And_A_Legal_Default()
    {
        foreach (var (path, node) in SettingsSchema.Walk().Where(place => place.Node.Name.Length > 0))
        {
            node.Meaning.ShouldEndWith(".", customMessage: path);
            if (node is SettingNode { Default: not null } setting)
            {
                setting.IsRequired.ShouldBeFalse(path);
            }
        }
    }

    private static string InRepository(string name, [CallerFilePath] string source = "") =>
        Path.Combine(Path.GetDirectoryName(source)!, "../../..", name);
}
