using ReleaseBot.Engine;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Engine;

/// <summary>The cases of moby/patternmatcher and of Go's filepath.Match that its tests take over, and what the docker documentation promises besides.</summary>
public sealed class DockerIgnoreTests
{
    [Theory]
    [InlineData("**", "file dir/file file/ dir/file/ /", "")]
    [InlineData("**/", "file dir/file file/ dir/file/ /", "")]
    [InlineData("**/**", "dir/file dir/file/", "")]
    [InlineData("dir/**", "dir/file dir/file/ dir/dir2/file dir/dir2/file/", "dir")]
    [InlineData("**/dir", "dir dir/file a/dir a/b/dir/c", "adir a/adir")]
    [InlineData("**/dir2/*", "dir/dir2/file dir/dir2/file/", "dir2")]
    [InlineData("**/dir2/**", "dir/dir2/dir3/file dir/dir2/dir3/file/", "dir/dir2")]
    [InlineData("**file", "file dir/file dir/dir/file dir/myfile", "file.txt")]
    [InlineData("**/file", "file dir/file dir/dir/file", "dir/myfile")]
    [InlineData("**/file*", "dir/dir/file dir/dir/file.txt", "dir/afile")]
    [InlineData("**/file*txt", "dir/dir/file.txt", "dir/file.txtx")]
    [InlineData("**/file*.txt*", "dir/dir/file.txt", "dir/file-txt")]
    [InlineData("**/**/*.txt", "dir/dir/file.txt file.txt", "file.txt2")]
    [InlineData("**/**/*.txt2", "a/b.txt2", "dir/dir/file.txt")]
    [InlineData("a**/*.txt", "a/file.txt a/dir/file.txt a/dir/dir/file.txt", "b/file.txt")]
    [InlineData("a/*.txt", "a/file.txt", "a/dir/file.txt")]
    [InlineData("a/*.txt**", "a/file.txt", "b/file.txt")]
    [InlineData("a[b-d]e", "ace abe ade", "ae aae aee")]
    [InlineData("a[^b-d]e", "aze", "ace")]
    [InlineData(".*", ".foo", "foo")]
    [InlineData("abc.def", "abc.def", "abcdef abcZdef")]
    [InlineData("abc?def", "abcZdef", "abcdef")]
    [InlineData("a\\\\", "a\\", "a")]
    [InlineData("a\\*b", "a*b", "ab axb")]
    [InlineData("**/foo/bar", "foo/bar dir/foo/bar dir/dir2/foo/bar", "foo")]
    [InlineData("abc/**", "abc/def abc/def/ghi", "abc")]
    [InlineData("**/.foo", ".foo", "bar.foo")]
    [InlineData("a(b)c/def", "a(b)c/def", "a(b)c/xyz")]
    [InlineData("a.|)$(}+{bc", "a.|)$(}+{bc", "a")]
    [InlineData("dist/*.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl", "dist/a.whl2")]
    [InlineData("*", "abc a/b", "")]
    [InlineData("*c", "abc", "abd")]
    [InlineData("a*", "a abc ab/c", "b")]
    [InlineData("a*/b", "abc/b", "a/c/b")]
    [InlineData("a*b*c*d*e*/f", "axbxcxdxe/f axbxcxdxexxx/f", "axbxcxdxe/xxx/f axbxcxdxexxx/fff")]
    [InlineData("a*b?c*x", "abxbbxdbxebxczzx", "abxbbxdbxebxczzy")]
    [InlineData("ab[e-g]", "abf", "abc")]
    [InlineData("ab[^e-g]", "abc", "abf")]
    [InlineData("a?b", "a☺b", "a/b")]
    [InlineData("a[^a]b", "a☺b", "aab")]
    [InlineData("[a-ζ]*", "α", "A")]
    [InlineData("a*b", "axb", "a/b")]
    [InlineData("[\\]a]", "] a", "b")]
    [InlineData("[x\\-]", "x -", "z")]
    [InlineData("[\\-x]", "x -", "a")]
    [InlineData("*x", "xxx", "xxy")]
    [InlineData("docs/", "docs docs/a", "docsx")]
    [InlineData("/docs", "docs docs/a", "a/docs")]
    [InlineData("./docs/../src/./x", "src/x", "docs")]
    [InlineData("../docs", "../docs", "docs")]
    [InlineData("/", "/", "a")]
    public void A_Pattern_Matches_What_The_Docker_Command_Has_It_Match(string pattern, string ignored, string kept)
    {
        var rules = DockerIgnore.Parse(pattern);
        Words(ignored).Where(path => !rules.IsIgnored(path)).ShouldBeEmpty();
        Words(kept).Where(rules.IsIgnored).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("**|!util/docker/web", "util/docker/api util", "util/docker/web util/docker/web/foo")]
    [InlineData("**|!util/docker/web|util/docker/web/foo", "util/docker/web/foo", "util/docker/web/bar")]
    [InlineData("**|!dist/*.whl", "dist dist/a.txt", "dist/a+b.whl")]
    [InlineData("!a.go|*.go", "a.go b.go", "")]
    [InlineData("*.go|!a.go", "b.go", "a.go")]
    [InlineData("docs|!docs/README.md", "docs docs/a", "docs/README.md")]
    [InlineData("docs/|!docs/README.md", "docs docs/a", "docs/README.md")]
    [InlineData("docs/*|!docs/README.md", "docs/a", "docs docs/README.md")]
    [InlineData("*.md|!README*.md|README-secret.md", "a.md README-secret.md", "README.md README-x.md")]
    [InlineData("*.md|README-secret.md|!README*.md", "a.md", "README-secret.md")]
    [InlineData("a|!a/b|a/b/c|!a/b/c/d", "a a/x a/b/c a/b/c/x", "a/b a/b/x a/b/c/d")]
    public void The_Last_Rule_That_Applies_Decides(string rules, string ignored, string kept) =>
        A_Pattern_Matches_What_The_Docker_Command_Has_It_Match(rules.Replace('|', '\n'), ignored, kept);

    [Theory]
    [InlineData("# comment\n\n  \r\n\tlogs \r\n", "logs", "comment")]
    [InlineData("\uFEFFlogs\n", "logs", "")]
    [InlineData("logs\n!  logs/keep  ", "logs/a", "logs/keep")]
    [InlineData(" #kept", "#kept", "kept")]
    public void Lines_Are_Read_As_The_Docker_Command_Reads_Them(string text, string ignored, string kept) =>
        A_Pattern_Matches_What_The_Docker_Command_Has_It_Match(text, ignored, kept);

    [Theory]
    [InlineData("a\n!")]
    [InlineData("a\n!  ")]
    [InlineData("a\n[")]
    [InlineData("a\n[^")]
    [InlineData("a\n[^bc")]
    [InlineData("a\na[")]
    [InlineData("a\n[]a]")]
    [InlineData("a\n[-]")]
    [InlineData("a\n[x-]")]
    [InlineData("a\n[-x]")]
    [InlineData("a\n[a-b-c]")]
    [InlineData("a\n[b-a]")]
    [InlineData("a\nb\\")]
    public void Malformed_Patterns_Are_Refused_With_Their_Line(string text) =>
        Should.Throw<FormatException>(() => DockerIgnore.Parse(text)).Message.ShouldContain("line 2");

    [Fact]
    public void Nothing_Is_Ignored_Without_Rules_And_The_Context_Itself_Never()
    {
        DockerIgnore.Parse(null).IsIgnored("a").ShouldBeFalse();
        DockerIgnore.None.IsIgnored("a").ShouldBeFalse();
        DockerIgnore.Parse("*").IsIgnored(".").ShouldBeFalse();
        DockerIgnore.Parse("*").IsIgnored("").ShouldBeFalse();
    }

    [Fact]
    public void The_Answer_Does_Not_Depend_On_What_Was_Asked_Before()
    {
        string[] paths = ["a/b/c", "a/b", "a", "x", "a/y", "a/b/c/d", "b/a/b", "b"];
        const string Rules = "a\n!a/b\n**/c\n!b/*";
        var shared = DockerIgnore.Parse(Rules);
        foreach (var path in paths.Concat(paths.Reverse()))
        {
            shared.IsIgnored(path).ShouldBe(DockerIgnore.Parse(Rules).IsIgnored(path), path);
        }
    }

    private static string[] Words(string list) => list.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
