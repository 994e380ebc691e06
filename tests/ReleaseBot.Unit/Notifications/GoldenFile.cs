using Shouldly;

namespace ReleaseBot.Unit;

/// <summary>Compares text with a file under version control. With the environment variable RELEASEBOT_UPDATE=1 it writes the file instead.</summary>
internal static class GoldenFile
{
    /// <param name="path">Below tests/ReleaseBot.Unit, e.g. <c>Notifications/Golden/slack-published.json</c>.</param>
    public static void ShouldMatch(string path, string actual)
    {
        var file = Path.Combine(Root(), "tests", "ReleaseBot.Unit", path);
        actual = actual.ReplaceLineEndings("\n").TrimEnd('\n') + "\n";
        if (Environment.GetEnvironmentVariable("RELEASEBOT_UPDATE") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, actual);
            return;
        }

        File.Exists(file).ShouldBeTrue($"{path} does not exist. Run the test once with RELEASEBOT_UPDATE=1 and read what it wrote.");
        actual.ShouldBe(File.ReadAllText(file), $"{path} differs. If the change is meant, run the test once with RELEASEBOT_UPDATE=1.");
    }

    private static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "ReleaseBot.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("The tests run outside of the repository, so there are no golden files to compare with.");
    }
}
