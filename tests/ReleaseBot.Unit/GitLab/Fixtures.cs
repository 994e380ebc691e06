namespace ReleaseBot.Unit.GitLab;

/// <summary>The payloads beside these tests, in GitLab's form and of our own making.</summary>
internal static class Fixtures
{
    public static string Folder { get; } = Path.Combine(Root(), "tests", "ReleaseBot.Unit", "GitLab", "Fixtures");

    private static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "ReleaseBot.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("The tests run within the repository: no folder above them holds ReleaseBot.sln.");
    }
}
