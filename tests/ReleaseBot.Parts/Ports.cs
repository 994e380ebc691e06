using System.Net;
using System.Net.Sockets;

namespace ReleaseBot.Parts;

public static class Ports
{
    // A port is kept for as long as its socket is bound, which is until the process ends.
    private static readonly List<Socket> Kept = [];

    /// <summary>
    /// A port of loopback that nobody has, and that nobody is given who asks the system for any port, before a server listens on it, between two starts
    /// of the server and after its end. Who names the port may listen on it, if it reuses addresses, as servers do.
    /// </summary>
    public static int Free()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        lock (Kept)
        {
            Kept.Add(socket);
        }

        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
