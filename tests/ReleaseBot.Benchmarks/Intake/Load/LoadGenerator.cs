using System.Net;
using ReleaseBot.Benchmarks.Reporting;

namespace ReleaseBot.Benchmarks.Intake.Load;

/// <summary>Sends requests over many connections from one thread. Every answer has to have the status that is expected.</summary>
internal sealed class LoadGenerator : IDisposable
{
    /// <summary>For the answers that are still to come when the time is over.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Connection[] _connections;
    private readonly Epoll _epoll = new();
    private readonly HookRequests _requests;
    private readonly bool _isRepeated;
    private readonly int _status;
    private readonly Samples _latencies = new();
    private readonly MachineTimes _machine = MachineTimes.Now();
    private int _sent;

    private LoadGenerator(Uri server, int connections, HookRequests requests, bool isRepeated, int status)
    {
        (_requests, _isRepeated, _status) = (requests, isRepeated, status);
        var endpoint = new IPEndPoint(IPAddress.Loopback, server.Port);
        _connections = [.. Enumerable.Range(0, connections).Select(_ => new Connection(endpoint))];
        for (var i = 0; i < connections; i++)
        {
            _epoll.Watch(_connections[i].Descriptor, i);
        }
    }

    private bool HasMore => _isRepeated || _sent < _requests.Count;

    /// <summary>Each connection sends its next request when it has the answer to the last one.</summary>
    /// <param name="isRepeated">Whether the requests may be sent again when all of them have been; otherwise the load ends with them.</param>
    public static Task<LoadResult> ClosedAsync(Uri server, int connections, HookRequests requests, bool isRepeated, int status, TimeSpan duration) =>
        RunAsync(server, connections, requests, isRepeated, status, generator => generator.Closed(duration));

    /// <summary>
    /// Requests leave on schedule, whether or not the earlier ones are answered, and a latency counts from the scheduled time: one that had to
    /// wait for a free connection has waited all the same.
    /// </summary>
    public static Task<LoadResult> OpenAsync(Uri server, int connections, HookRequests requests, int perSecond, int status) =>
        RunAsync(server, connections, requests, isRepeated: false, status, generator => generator.Open(perSecond));

    public void Dispose()
    {
        Array.ForEach(_connections, connection => connection.Dispose());
        _epoll.Dispose();
    }

    private static Task<LoadResult> RunAsync(
        Uri server, int connections, HookRequests requests, bool isRepeated, int status, Func<LoadGenerator, LoadResult> run) =>
        Task.Factory.StartNew(
            () =>
            {
                using var generator = new LoadGenerator(server, connections, requests, isRepeated, status);
                return run(generator);
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private LoadResult Closed(TimeSpan duration)
    {
        var began = Now();
        var end = began + Ticks(duration);
        foreach (var connection in _connections.TakeWhile(_ => HasMore))
        {
            Send(connection, Now());
        }

        while (_latencies.Count < _sent)
        {
            var ready = _epoll.Wait(100);
            ThrowIfLate(end);
            for (var i = 0; i < ready; i++)
            {
                var connection = _connections[_epoll.Tag(i)];
                if (IsAnswered(connection) && HasMore && Now() < end)
                {
                    Send(connection, Now());
                }
            }
        }

        return Result(began);
    }

    private LoadResult Open(int perSecond)
    {
        var began = Now();
        var interval = TimeProvider.System.TimestampFrequency / perSecond;
        var end = began + _requests.Count * interval;
        Stack<Connection> free = new(_connections);
        while (_latencies.Count < _requests.Count)
        {
            for (long due; HasMore && free.Count > 0 && (due = began + _sent * interval) <= Now();)
            {
                Send(free.Pop(), due);
            }

            // The wait is no finer than a millisecond; what is late by it counts as the server's.
            var ready = _epoll.Wait(1);
            ThrowIfLate(end);
            for (var i = 0; i < ready; i++)
            {
                var connection = _connections[_epoll.Tag(i)];
                if (IsAnswered(connection))
                {
                    free.Push(connection);
                }
            }
        }

        return Result(began);
    }

    private void Send(Connection connection, long since) => connection.Send(_requests[_sent++ % _requests.Count], since);

    private bool IsAnswered(Connection connection)
    {
        var status = connection.Receive();
        if (status == 0)
        {
            return false;
        }

        if (status != _status)
        {
            throw new InvalidOperationException($"A request was answered with {status} instead of {_status}.");
        }

        _latencies.Add(TimeProvider.System.GetElapsedTime(connection.Since));
        return true;
    }

    private LoadResult Result(long began) => new(_sent, _latencies.Count, TimeProvider.System.GetElapsedTime(began), _latencies, MachineTimes.Now() - _machine);

    private void ThrowIfLate(long end)
    {
        if (Now() > end + Ticks(Patience))
        {
            throw new TimeoutException($"{_sent - _latencies.Count} of {_sent} requests were not answered within {Patience.TotalSeconds:F0} s.");
        }
    }

    private static long Now() => TimeProvider.System.GetTimestamp();

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * TimeProvider.System.TimestampFrequency);
}
