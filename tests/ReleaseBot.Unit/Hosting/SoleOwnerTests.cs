using ReleaseBot.Core;
using ReleaseBot.Hosting;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Hosting;

public sealed class SoleOwnerTests
{
    [Fact]
    public void A_Folder_That_Is_Not_There_Is_Known_Before_The_Start() =>
        SoleOwner.WhyNotIn(At("/nonexistent/folder/releasebot.db")).ShouldBe("the folder of /nonexistent/folder/releasebot.db does not exist");

    [Fact]
    public void A_Folder_That_Takes_No_File_Is_Known_Before_The_Start() =>
        SoleOwner.WhyNotIn(At("/proc/releasebot.db")).ShouldBe("the folder of /proc/releasebot.db can't be written");

    [Fact]
    public void To_Ask_Leaves_Nothing_Behind()
    {
        var folder = Directory.CreateTempSubdirectory("rb-sole-owner-");
        try
        {
            SoleOwner.WhyNotIn(At(Path.Combine(folder.FullName, "releasebot.db"))).ShouldBeNull();
            folder.EnumerateFileSystemInfos().ShouldBeEmpty();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static StorageSettings At(string path) => new() { Provider = StorageProvider.Sqlite, ConnectionString = new Secret($"Data Source={path}") };
}
