using ReleaseBot.GitLab;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.GitLab;

public sealed class GitErrorsTests
{
    [Theory]
    [InlineData("fatal: Authentication failed for 'https://gitlab.example/acme/shop.git/'")]
    [InlineData("remote: HTTP Basic: Access denied.")]
    public void The_Cure_Is_A_Sentence_Of_Its_Own(string words) =>
        GitErrors.From("fetch the commit", new GitResult(128, "", words), null).Message
            .ShouldBe($"git could not fetch the commit (exit 128): {words.TrimEnd('.')}. GitLab:Token needs the scope read_repository (or api), and its user a role in the project and in each submodule's.");
}
