using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace ReleaseBot.Benchmarks.Intake.Load;

/// <summary>
/// Linux's epoll for one thread. The load shares the machine's cores with the server that it measures, and the runtime's own sockets cost
/// several times as much for each request.
/// </summary>
internal sealed class Epoll : IDisposable
{
    private const int Add = 1;
    private const uint Readable = 0x1;
    private const int MaxEvents = 512;

    // The kernel packs the record on x86-64 alone (linux/eventpoll.h, EPOLL_PACKED).
    private static readonly bool IsPacked = RuntimeInformation.ProcessArchitecture == Architecture.X64;
    private static readonly int RecordBytes = IsPacked ? 12 : 16;
    private static readonly int TagOffset = IsPacked ? 4 : 8;

    private readonly int _handle;
    private readonly byte[] _events = new byte[MaxEvents * 16];

    public Epoll()
    {
        _handle = Create(0);
        ThrowIfFailed(_handle);
    }

    /// <summary>Has <see cref="Wait"/> tell of what can be read of a file descriptor, by this tag.</summary>
    public void Watch(nint descriptor, int tag)
    {
        var record = new byte[RecordBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(record, Readable);
        BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(TagOffset), tag);
        ThrowIfFailed(Control(_handle, Add, (int)descriptor, record));
    }

    /// <summary>Waits for something to be read. Returns how many tags <see cref="Tag"/> has.</summary>
    public int Wait(int milliseconds)
    {
        var count = WaitFor(_handle, _events, MaxEvents, milliseconds);
        const int Interrupted = 4;
        if (count < 0 && Marshal.GetLastPInvokeError() == Interrupted)
        {
            return 0;
        }

        ThrowIfFailed(count);
        return count;
    }

    public int Tag(int index) => BinaryPrimitives.ReadInt32LittleEndian(_events.AsSpan(index * RecordBytes + TagOffset));

    public void Dispose() => _ = Close(_handle);

    private static void ThrowIfFailed(int result)
    {
        if (result < 0)
        {
            throw new IOException($"epoll: error {Marshal.GetLastPInvokeError()}");
        }
    }

    [DllImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static extern int Create(int flags);

    [DllImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static extern int Control(int handle, int operation, int descriptor, byte[] record);

    [DllImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static extern int WaitFor(int handle, [Out] byte[] events, int maxEvents, int milliseconds);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int handle);
}
