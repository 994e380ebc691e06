namespace ReleaseBot.Integration.Web;

/// <summary>The source tree that the tests were built from.</summary>
internal static class Repository
{
    public static string Path(string relative)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "ReleaseBot.sln")))
            {
                return System.IO.Path.Combine(folder.FullName, relative);
            }
        }

        throw new DirectoryNotFoundException($"{AppContext.BaseDirectory} is not below the repository; run the tests from their build output.");
    }
}
