using System.Net;
using System.Net.Sockets;

namespace ReleaseBot.Parts;

public static class Ports
{
    /// <summary>A port of loopback that nobody has at this moment.</summary>
    public static int Free()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
