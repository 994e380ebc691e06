using System.Diagnostics;

namespace ReleaseBot.Parts;

/// <summary>A small file system in memory, mounted for a test that fills it to its last byte. Mounting needs root, as the engine's tests do.</summary>
public sealed class SmallDisk : IDisposable
{
    private const int Piece = 4096;
    private static readonly TimeSpan CommandLimit = TimeSpan.FromSeconds(30);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rb-disk-");

    private SmallDisk()
    {
    }

    public string Path => _folder.FullName;

    private string Ballast => System.IO.Path.Combine(Path, "ballast");

    public static SmallDisk Mount(int megabytes)
    {
        SmallDisk disk = new();
        Run("mount", "-t", "tmpfs", "-o", $"size={megabytes}m,mode=755", "tmpfs", disk.Path);
        return disk;
    }

    /// <summary>Takes what is left, so that nobody gets another byte.</summary>
    public void Fill()
    {
        using FileStream file = new(Ballast, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
        var piece = new byte[Piece];
        try
        {
            while (true)
            {
                file.Write(piece);
            }
        }
        catch (IOException)
        {
            // Full, which is what this is for.
        }
    }

    public void Free() => File.Delete(Ballast);

    public void Dispose()
    {
        Run("umount", Path);
        _folder.Delete();
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })
            ?? throw new InvalidOperationException($"{program} did not start.");
        if (!process.WaitForExit(CommandLimit) || process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} failed; these tests have to run as root: {process.StandardError.ReadToEnd()}");
        }
    }
}
