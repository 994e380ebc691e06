using System.Text;
using System.Threading.Channels;
using Google.Protobuf;
using Grpc.Core;
using ReleaseBot.Engine.Session.Protocol;

namespace ReleaseBot.Engine.Session;

/// <summary>
/// Sends the files of a context one by one, as the docker command does (tonistiigi/fsutil send.go, receive.go): first what there is, in order;
/// then the content of what the builder asks for by its place in that order, until it says that it has all.
/// </summary>
internal sealed class ContextSync(SpooledContext context, IReadOnlyList<SpooledEntry> entries)
{
    private const int LargestPart = 32 * 1024;

    // Go's io/fs.FileMode.
    private const uint FolderBit = 1u << 31;
    private const uint SymbolicLinkBit = 1u << 27;
    private const uint SetUserIdBit = 1u << 23;
    private const uint SetGroupIdBit = 1u << 22;
    private const uint StickyBit = 1u << 20;

    /// <summary>Each file is asked for at most once, so this never fills up; the builder must not wait for us to read while we wait for it.</summary>
    private readonly Channel<uint> _asked = Channel.CreateBounded<uint>(entries.Count + 1);

    public async Task RunAsync(IAsyncStreamReader<Packet> requests, IServerStreamWriter<Packet> answers, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = ReadAsync(requests, either.Token);
        try
        {
            await SendAsync(answers, either.Token);
        }
        finally
        {
            await either.CancelAsync();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task SendAsync(IServerStreamWriter<Packet> answers, CancellationToken cancellationToken)
    {
        foreach (var entry in entries)
        {
            await answers.WriteAsync(new Packet { Type = Packet.Types.PacketType.Stat, Stat = StatOf(entry) }, cancellationToken);
        }

        await answers.WriteAsync(new Packet { Type = Packet.Types.PacketType.Stat }, cancellationToken);
        await foreach (var id in _asked.Reader.ReadAllAsync(cancellationToken))
        {
            await SendAsync(id, answers, cancellationToken);
        }

        await answers.WriteAsync(new Packet { Type = Packet.Types.PacketType.Fin }, cancellationToken);
    }

    private async Task SendAsync(uint id, IServerStreamWriter<Packet> answers, CancellationToken cancellationToken)
    {
        var entry = entries[(int)id];
        for (long sent = 0; sent < entry.Size;)
        {
            var part = new byte[Math.Min(LargestPart, entry.Size - sent)];
            var read = await context.ReadAsync(part, entry.Offset + sent, cancellationToken);
            if (read == 0)
            {
                throw new RpcException(new Status(StatusCode.DataLoss, $"The context ends within '{entry.Path}'."));
            }

            var data = UnsafeByteOperations.UnsafeWrap(part.AsMemory(0, read));
            await answers.WriteAsync(new Packet { Type = Packet.Types.PacketType.Data, ID = id, Data = data }, cancellationToken);
            sent += read;
        }

        // Nothing more of this one.
        await answers.WriteAsync(new Packet { Type = Packet.Types.PacketType.Data, ID = id }, cancellationToken);
    }

    private async Task ReadAsync(IAsyncStreamReader<Packet> requests, CancellationToken cancellationToken)
    {
        Exception? fault = null;
        try
        {
            await ReadUntilFinishedAsync(requests, cancellationToken);
        }
        catch (Exception exception)
        {
            fault = exception;
        }

        // Whoever sends hears of it.
        _asked.Writer.Complete(fault);
    }

    private async Task ReadUntilFinishedAsync(IAsyncStreamReader<Packet> requests, CancellationToken cancellationToken)
    {
        while (await requests.MoveNext(cancellationToken))
        {
            var packet = requests.Current;
            switch (packet.Type)
            {
                case Packet.Types.PacketType.Fin:
                    return;
                case Packet.Types.PacketType.Err:
                    throw new RpcException(new Status(StatusCode.Aborted, $"The builder could not take the context: {packet.Data.ToStringUtf8()}"));
                case Packet.Types.PacketType.Req when packet.ID >= entries.Count || !_asked.Writer.TryWrite(packet.ID):
                    throw new RpcException(new Status(StatusCode.InvalidArgument, $"There is no file {packet.ID} to ask for."));
            }
        }

        throw new RpcException(new Status(StatusCode.Aborted, "The builder hung up while it took the context."));
    }

    private static Stat StatOf(SpooledEntry entry) => new()
    {
        Path = ByteString.CopyFrom(entry.Path, Encoding.Latin1),
        Mode = ModeOf(entry),
        Size = entry.Size,
        ModTime = entry.ModifiedAt * 1_000_000_000,
        Linkname = ByteString.CopyFrom(entry.Link, Encoding.Latin1),
    };

    private static uint ModeOf(SpooledEntry entry)
    {
        var mode = (uint)entry.Mode & 0x1FF;
        mode |= (entry.Mode & 0x800) != 0 ? SetUserIdBit : 0;
        mode |= (entry.Mode & 0x400) != 0 ? SetGroupIdBit : 0;
        mode |= (entry.Mode & 0x200) != 0 ? StickyBit : 0;
        return entry.Type switch
        {
            TarFormat.Folder => mode | FolderBit,
            TarFormat.SymbolicLink => mode | SymbolicLinkBit,
            _ => mode,
        };
    }
}
