using System.Net;
using System.Net.Sockets;

namespace ReleaseBot.Benchmarks.Intake.Subjects;

internal static class Listening
{
    /// <summary>Waits until a port of loopback takes connections.</summary>
    /// <param name="ended">What the server said, once it has ended; else null.</param>
    public static async Task WaitAsync(int port, TimeSpan limit, Func<string?> ended, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
                return;
            }
            catch (SocketException) when (ended() is null && TimeProvider.System.GetElapsedTime(started) < limit)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancellationToken);
            }
            catch (SocketException exception)
            {
                throw new InvalidOperationException($"Nothing listens at port {port}: {ended()}", exception);
            }
        }
    }
}
