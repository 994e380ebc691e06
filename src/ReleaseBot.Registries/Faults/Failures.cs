using System.Net;
using System.Security.Authentication;
using System.Text;
using ReleaseBot.Core;

namespace ReleaseBot.Registries;

/// <summary>Makes every exception that a registry causes, so that they all read alike and none of them tells a secret.</summary>
internal sealed class Failures(RegistrySettings registry, TimeProvider time)
{
    private string Key => $"Registries:{registry.Name}";

    /// <summary>The registry, or the host that it redirected to, answered with something else than success.</summary>
    public RegistryException Answered(RegistryRequest request, HttpResponseMessage response, ErrorBody error, bool elsewhere)
    {
        // A storage host that refuses a signed address says nothing about our credentials; the registry signs a new one when asked again.
        var fault = elsewhere && Transient.Sort(response.StatusCode, error.Code) == RegistryFault.Denied
            ? RegistryFault.Unavailable
            : Transient.Sort(response.StatusCode, error.Code);
        var who = elsewhere ? $" (at {response.RequestMessage?.RequestUri?.Host}, where it redirected to)" : "";
        var cure = fault == RegistryFault.Denied ? $" {DeniedCure()}" : "";
        return Make(fault, $"{About(request)}: {Status(response.StatusCode, error)}{who}.{cure}", response, error);
    }

    public RegistryException RealmAnswered(Uri realm, HttpResponseMessage response, ErrorBody error)
    {
        var fault = Transient.Sort(response.StatusCode, error.Code);
        var cure = fault == RegistryFault.Denied ? $" {DeniedCure()}" : "";
        return Make(fault, $"{registry.Host}: no token from {Bare(realm)}: {Status(response.StatusCode, error)}.{cure}", response, error);
    }

    public RegistryException UntrustedRealm(string realm) => new(
        RegistryFault.Denied,
        Masked($"{registry.Host}: it asks for the credentials to be sent to {realm}, which is not trusted with them. If that is right, set {Key}:TokenRealm to it (https, or http on loopback)."));

    public RegistryException NoCredentials(RegistryRequest request) => new(
        RegistryFault.Denied, $"{About(request)}: it asks for a user, and none is configured. Set {Key}:Username and {Key}:Password.")
    {
        StatusCode = (int)HttpStatusCode.Unauthorized,
    };

    public RegistryException Unreachable(string about, Exception cause)
    {
        var cure = cause.InnerException is AuthenticationException handshake ? $" {HandshakeCure(handshake)}" : "";
        var innermost = cause;
        while (innermost.InnerException is { } inner)
        {
            innermost = inner;
        }

        return new RegistryException(RegistryFault.Unavailable, Masked($"{about}: {innermost.Message.TrimEnd('.')}.{cure}"), cause);
    }

    /// <param name="cancellation">How it showed; the HTTP stack hides its own timeout, that of a connection, inside.</param>
    /// <param name="isSilence">False for a transfer that stood still, which may go well over another connection.</param>
    public static RegistryException TimedOut(string about, TimeSpan limit, OperationCanceledException cancellation, bool isSilence = true) =>
        cancellation.InnerException is TimeoutException connect
            ? new RegistryException(RegistryFault.Unavailable, $"{about}: no connection was made in time.", connect) { IsSilence = isSilence }
            : new RegistryException(RegistryFault.Unavailable, $"{about}: nothing came for {limit.TotalSeconds:0.#} s.", new TimeoutException()) { IsSilence = isSilence };

    public static RegistryException Silent(string about, string host, DateTimeOffset since) => new(
        RegistryFault.Unavailable, $"{about}: {host} takes connections and answers nothing, seen since {since.UtcDateTime:HH:mm:ss} UTC.")
    { IsSilence = true };

    public RegistryException Refused(RegistryRequest request, string why) => new(RegistryFault.Refused, Masked($"{About(request)}: {why}."));

    public RegistryException Corrupt(RegistryRequest request, string why, Exception? inner = null) =>
        new(RegistryFault.Corrupt, Masked($"{About(request)}: {why}."), inner);

    public string About(RegistryRequest request) => $"{registry.Host}/{request.Repository}: could not {request.What}";

    public string AboutToken(Uri realm) => $"{registry.Host}: no token from {Bare(realm)}";

    private string DeniedCure() =>
        $"Check {Key}:Username and {Key}:Password, and that this user may pull and push there (GitLab: read_registry and write_registry).";

    // SslStream tells a refused certificate from a peer that does not speak TLS by its message alone.
    private string HandshakeCure(AuthenticationException handshake) => handshake.Message.Contains("certificate", StringComparison.OrdinalIgnoreCase)
        ? $"If its certificate comes from a private authority, set {Key}:CaFile to that authority's certificate."
        : $"It does not seem to speak TLS; if it speaks plain HTTP, which is allowed on loopback alone, set {Key}:Insecure to true.";

    private RegistryException Make(RegistryFault fault, string message, HttpResponseMessage response, ErrorBody error) => new(fault, Masked(message))
    {
        StatusCode = (int)response.StatusCode,
        ErrorCode = error.Code,
        RetryAfter = RetryAfter.Read(response, time.GetUtcNow()),
    };

    private static string Status(HttpStatusCode status, ErrorBody error)
    {
        var text = new StringBuilder().Append((int)status);
        text.Append(error.Code is null ? "" : $" {error.Code}").Append(error.Message is null ? "" : $": {error.Message.TrimEnd('.')}");
        return text.ToString();
    }

    /// <summary>A realm without its query, which may carry what it should not.</summary>
    private static string Bare(Uri realm) => realm.GetLeftPart(UriPartial.Path);

    // A server may quote what it was sent.
    private string Masked(string message)
    {
        if (registry.Password?.Reveal() is not { Length: > 0 } password)
        {
            return message;
        }

        var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{registry.Username}:{password}"));
        return message.Replace(basic, "***", StringComparison.Ordinal).Replace(password, "***", StringComparison.Ordinal);
    }
}
