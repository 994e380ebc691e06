using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using ReleaseBot.Core;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Core;

/// <summary>The docs list every reason code of the code, once, and no other.</summary>
public sealed partial class ReasonDocumentationTests
{
    [Fact]
    public void Every_Reason_Code_Is_In_The_Docs_And_Each_There_In_The_Code() =>
        CodesOf("docs/reasons.md").ShouldBe(EnumText.All<ReasonCode>(), ignoreOrder: true);

    [Fact]
    public void The_Readme_Names_No_Code_That_There_Is_Not() =>
        CodesOf("README.md").Except(EnumText.All<ReasonCode>()).ShouldBeEmpty();

    [Fact]
    public void Every_Reason_Code_Is_Given_Somewhere()
    {
        var code = string.Concat(Directory.GetFiles(InRepository("src"), "*.cs", SearchOption.AllDirectories)
            // The advice on a code is none that gives it.
            .Where(file => Path.GetFileName(file) is not ("ReasonCode.cs" or "Advice.cs")).Select(File.ReadAllText));

        Enum.GetValues<ReasonCode>().Where(reason => !Regex.IsMatch(code, $@"\bReasonCode\.{reason}\b")).ShouldBeEmpty();
    }

    /// <summary>What stands in the first column of a page's tables of codes; several may share a line.</summary>
    private static List<string> CodesOf(string page)
    {
        List<string> codes = [];
        var isTable = false;
        foreach (var line in File.ReadLines(InRepository(page)))
        {
            isTable = line.StartsWith("| code |", StringComparison.Ordinal) || (isTable && line.StartsWith('|'));
            if (isTable)
            {
                codes.AddRange(Code().Matches(line.Split('|')[1]).Select(match => match.Groups[1].Value));
            }
        }

        codes.ShouldNotBeEmpty(page);
        return codes;
    }

    private static string InRepository(string name, [CallerFilePath] string source = "") =>
        Path.Combine(Path.GetDirectoryName(source)!, "../../..", name);

    [GeneratedRegex("`([a-z-]+)`")]
    private static partial Regex Code();
}
