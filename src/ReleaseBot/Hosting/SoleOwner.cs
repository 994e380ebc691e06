using Microsoft.Data.Sqlite;
using ReleaseBot.Core;

namespace ReleaseBot.Hosting;

/// <summary>A lock file beside the SQLite database, held for as long as the process lives: two processes on one file would each take the other for dead.</summary>
internal sealed class SoleOwner : IDisposable
{
    private readonly FileStream? _file;

    private SoleOwner(FileStream? file) => _file = file;

    public static SoleOwner TryTake(StorageSettings storage, out string? complaint)
    {
        complaint = null;
        if (storage.Provider != StorageProvider.Sqlite)
        {
            return new SoleOwner(null);
        }

        var database = PathOf(storage);
        try
        {
            return new SoleOwner(new FileStream(database + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException exception)
        {
            complaint = Directory.Exists(Path.GetDirectoryName(database))
                ? $"{database} is in use by another releasebot ({database}.lock is held). Stop that one, or give this one another Storage:ConnectionString."
                : $"{NoFolder(database)} ({exception.GetType().Name}). Make it, or change Storage:ConnectionString.";
        }
        catch (UnauthorizedAccessException)
        {
            complaint = $"{database}.lock can't be written. Give the service's user the folder, or change Storage:ConnectionString.";
        }

        return new SoleOwner(null);
    }

    /// <summary>Why the database's files can't be made in their folder, without a full stop, or null. Leaves nothing behind, which may be somebody else's user's.</summary>
    public static string? WhyNotIn(StorageSettings storage)
    {
        var database = PathOf(storage);
        try
        {
            using var file = new FileStream(database + ".check", FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            return null;
        }
        catch (DirectoryNotFoundException)
        {
            return NoFolder(database);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return $"the folder of {database} can't be written";
        }
    }

    public void Dispose() => _file?.Dispose();

    private static string NoFolder(string database) => $"the folder of {database} does not exist";

    private static string PathOf(StorageSettings storage) => Path.GetFullPath(new SqliteConnectionStringBuilder(storage.ConnectionString.Reveal()).DataSource);
}
