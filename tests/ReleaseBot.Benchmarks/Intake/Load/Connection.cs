using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;

namespace ReleaseBot.Benchmarks.Intake.Load;

/// <summary>A kept-alive connection with one request on its way at the most. It reads of an answer what it must: the status, and where the end is.</summary>
internal sealed class Connection : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _length;

    public Connection(IPEndPoint server)
    {
        _socket.NoDelay = true;
        _socket.Connect(server);
        _socket.Blocking = false;
    }

    public nint Descriptor => _socket.Handle;

    /// <summary>Of the request on its way: the timestamp that its latency counts from.</summary>
    public long Since { get; private set; }

    public void Send(ReadOnlySpan<byte> request, long since)
    {
        Since = since;
        while (!request.IsEmpty)
        {
            var sent = _socket.Send(request, SocketFlags.None, out var error);
            if (error is not SocketError.Success and not SocketError.WouldBlock)
            {
                throw new SocketException((int)error);
            }

            request = request[Math.Max(sent, 0)..];
        }
    }

    /// <returns>The status of the answer, or 0 where more of it is to come.</returns>
    public int Receive()
    {
        var read = _socket.Receive(_buffer.AsSpan(_length), SocketFlags.None, out var error);
        if (error == SocketError.WouldBlock)
        {
            return 0;
        }

        if (error != SocketError.Success || read == 0)
        {
            throw new IOException($"The server hung up on a request ({error}).");
        }

        _length += read;
        var answer = _buffer.AsSpan(0, _length);
        if (!IsComplete(answer))
        {
            return _length < _buffer.Length ? 0 : throw new IOException("An answer is longer than 16 KiB.");
        }

        _length = 0;
        return Utf8Parser.TryParse(answer[9..], out int status, out _) ? status : throw new IOException("An answer is not HTTP/1.1.");
    }

    public void Dispose() => _socket.Dispose();

    private static bool IsComplete(ReadOnlySpan<byte> answer)
    {
        var head = answer.IndexOf("\r\n\r\n"u8);
        if (head < 0)
        {
            return false;
        }

        var length = answer[..head].IndexOf("\r\nContent-Length: "u8);
        if (length >= 0)
        {
            return Utf8Parser.TryParse(answer[(length + 18)..], out int bytes, out _) && answer.Length >= head + 4 + bytes;
        }

        return answer[..head].IndexOf("\r\nTransfer-Encoding: chunked"u8) >= 0
            ? answer[head..].EndsWith("\r\n0\r\n\r\n"u8)
            : throw new IOException("An answer says neither its length nor that it is chunked.");
    }
}
