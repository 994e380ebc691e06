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

        var database = Path.GetFullPath(new SqliteConnectionStringBuilder(storage.ConnectionString.Reveal()).DataSource);
        try
        {
            return new SoleOwner(new FileStream(database + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException exception)
        {
            complaint = Directory.Exists(Path.GetDirectoryName(database))
                ? $"{database} is in use by another releasebot ({database}.lock is held). Stop that one, or give this one another Storage:ConnectionString."
                : $"the folder of {database} does not exist ({exception.GetType().Name}). Make it, or change Storage:ConnectionString.";
        }
        catch (UnauthorizedAccessException)
        {
            complaint = $"{database}.lock can't be written. Give the service's user the folder, or change Storage:ConnectionString.";
        }

        return new SoleOwner(null);
    }

    public void Dispose() => _file?.Dispose();
}
