using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;

namespace ReleaseBot.Web;

/// <summary>
/// Whether a request comes from this very machine and nobody else's can: every address that we listen on is loopback, the connection and
/// the Host header are too (a web page that rebinds its name in DNS has another), and no proxy says that it passed something on.
/// </summary>
internal sealed class LoopbackOnly(IServer server)
{
    private static readonly string[] ForwardingHeaders =
        ["Forwarded", "X-Real-IP", "Via"];

    public bool Includes(HttpContext context) =>
        IsBoundToLoopback()
        && context.Connection.RemoteIpAddress is { } remote && IPAddress.IsLoopback(remote.IsIPv4MappedToIPv6 ? remote.MapToIPv4() : remote)
        && IsLoopback(context.Request.Host.Host)
        && !context.Request.Headers.Keys.Any(IsForwarding);

    /// <summary><c>localhost</c>, an address in 127.0.0.0/8, or <c>[::1]</c>.</summary>
    internal static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address);

    private static bool IsForwarding(string header) =>
        header.StartsWith("X-Forwarded-", StringComparison.OrdinalIgnoreCase) || ForwardingHeaders.Contains(header, StringComparer.OrdinalIgnoreCase);

    private bool IsBoundToLoopback() =>
        server.Features.Get<IServerAddressesFeature>()?.Addresses is { Count: > 0 } addresses
        && addresses.All(address => Uri.TryCreate(address, UriKind.Absolute, out var bound) && IsLoopback(bound.Host));
}
