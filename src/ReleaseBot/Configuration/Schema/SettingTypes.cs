using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

/// <summary>The kinds of values that a setting can have, secrets apart (<see cref="SecretTypes"/>).</summary>
internal static partial class SettingTypes
{
    public static SettingType<string> Text { get; } = new("text", "text", Parsed<string>.Of);

    public static SettingType<bool> Flag { get; } = new("true or false", "true or false",
        text => bool.TryParse(text, out var value) ? Parsed<bool>.Of(value) : Parsed<bool>.Illegal());

    public static SettingType<Uri> WebAddress { get; } = new("URL", "an absolute http or https URL without user, query and fragment",
        text => AsUri(text, ["http", "https"]) is { Query: "", Fragment: "" } uri ? Parsed<Uri>.Of(uri) : Parsed<Uri>.Illegal(), Secrecy.Unquoted);

    public static SettingType<Uri> EngineAddress { get; } = new("URL", "unix:///path/to/socket or tcp://host:port",
        text => AsUri(text, ["unix", "tcp"]) is { } uri && IsEngineAddress(uri) ? Parsed<Uri>.Of(uri) : Parsed<Uri>.Illegal(), Secrecy.Unquoted);

    public static SettingType<string> BindingAddresses { get; } = new("URLs",
        "one or more URLs to listen on, separated by a semicolon, each of an IP address, localhost, a unix socket, or * for all addresses, e.g. http://0.0.0.0:8080",
        text => text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) is { Length: > 0 } urls && urls.All(IsBindingAddress)
            ? Parsed<string>.Of(string.Join(';', urls))
            : Parsed<string>.Illegal());

    public static SettingType<string> AuthorityFile { get; } = new("file", "a file with certificates as PEM, which this process may read", AsPath) { WhyUnusable = WhyNoAuthority };

    public static SettingType<string> ExistingFolder { get; } = new("folder", "a folder that exists", AsPath)
    {
        WhyUnusable = path => Directory.Exists(path) ? null : $"{path} does not exist or is no folder",
    };

    public static SettingType<string> CertificateFolder { get; } = new("folder", "a folder with the readable files ca.pem, cert.pem and key.pem", AsPath)
    {
        WhyUnusable = path => new[] { "ca.pem", "cert.pem", "key.pem" }.Select(name => WhyUnreadable(Path.Combine(path, name))).FirstOrDefault(why => why is not null),
    };

    public static SettingType<string> RegistryHost { get; } = new("host", "a host with an optional port, e.g. registry.example:5000, without scheme and path",
        text => ImageRepository.IsLegalHost(text) ? Parsed<string>.Of(DockerHub.Normalise(text)) : Parsed<string>.Illegal());

    public static SettingType<string> RelativePath { get; } = new("path", "a relative path: / between its parts, and none of them is \"..\"",
        text => text[0] == '/' || text.Contains('\\', StringComparison.Ordinal) || text.Any(char.IsControl) || text.Split('/').Contains("..")
            ? Parsed<string>.Illegal()
            : Parsed<string>.Of(text));

    public static SettingType<string> Platform { get; } = new("platform", "os/architecture, e.g. linux/amd64",
        text => PlatformGrammar().IsMatch(text) ? Parsed<string>.Of(text) : Parsed<string>.Illegal());

    public static SettingType<ProjectPathPattern> ProjectPath { get; } = new("pattern",
        "a project's path with namespace, * within a segment and ** across, e.g. acme/** (no leading or trailing slash, no space)",
        text => text.Any(char.IsWhiteSpace) || text.StartsWith('/') || text.EndsWith('/')
            ? Parsed<ProjectPathPattern>.Illegal()
            : Parsed<ProjectPathPattern>.Of(new ProjectPathPattern(text)));

    public static SettingType<RefPattern> RefName { get; } = new("pattern", "a short tag or branch name, * for any characters, e.g. v*",
        text => text.Any(char.IsWhiteSpace) || text.StartsWith("refs/", StringComparison.Ordinal)
            ? Parsed<RefPattern>.Illegal()
            : Parsed<RefPattern>.Of(new RefPattern(text)));

    public static SettingType<Template> Template { get; } = new("template", "text, names in braces allowed", text => AsTemplate(text, _ => true)) { MayBeEmpty = true };

    public static SettingType<Template> RepositoryTemplate { get; } = new("template",
        "a repository's lower-case path without host and tag, names in braces allowed, e.g. acme/{project.name}",
        text => AsTemplate(text, ImageRepository.IsLegalName));

    public static SettingType<Template> TagTemplate { get; } = new("template",
        "an image tag (letters, digits, _ . -), names in braces allowed, e.g. {major}.{minor}", text => AsTemplate(text, ImageTag.IsLegal));

    public static SettingType<TimeSpan> Duration(TimeSpan atLeast, TimeSpan atMost) => new("duration",
        $"a duration from {Show(atLeast)} to {Show(atMost)}, as 00:05:00, 1.12:00:00 (a day and a half), 90s, 15m, 2h or 7d",
        text => Durations.TryParse(text, out var value) && value >= atLeast && value <= atMost ? Parsed<TimeSpan>.Of(value) : Parsed<TimeSpan>.Illegal());

    public static SettingType<int> Number(int atLeast, int atMost) => new("number", $"a whole number from {atLeast} to {atMost}",
        text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= atLeast && value <= atMost
            ? Parsed<int>.Of(value)
            : Parsed<int>.Illegal());

    public static SettingType<long> Size(long atLeast, long atMost) => new("size",
        $"bytes, {(atMost == long.MaxValue ? $"at least {atLeast}" : $"from {atLeast} to {atMost}")}; units allowed: 20GB (decimal) or 20GiB (binary)",
        text => ByteSizes.TryParse(text, out var value) && value >= atLeast && value <= atMost ? Parsed<long>.Of(value) : Parsed<long>.Illegal());

    /// <summary>By name only: <see cref="Enum.Parse(Type, string)"/> would take numbers and lists too.</summary>
    public static SettingType<T> Choice<T>()
        where T : struct, Enum
    {
        var names = Enum.GetNames<T>();
        var legal = names is [.. var most, var last] && most.Length > 0 ? $"{string.Join(", ", most)} or {last}" : names[0];
        return new(string.Join(" | ", names), legal, text => names.FirstOrDefault(name => name.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } name
            ? Parsed<T>.Of(Enum.Parse<T>(name))
            : Parsed<T>.Illegal());
    }

    internal static Uri? AsUri(string text, IReadOnlyList<string> schemes) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && schemes.Contains(uri.Scheme) && uri.UserInfo.Length == 0
        && (uri.Scheme == "unix" || uri.Host.Length > 0) ? uri : null;

    private static bool IsEngineAddress(Uri uri) => uri.Scheme == "unix" ? uri.AbsolutePath.Length > 1 : uri.Port > 0 && uri.AbsolutePath is "" or "/";

    /// <summary>Of a host with another name Kestrel listens at every address, without a word (AddressBinder, ParseAddress).</summary>
    private static bool IsBindingAddress(string text)
    {
        try
        {
            var address = BindingAddress.Parse(text);
            return address.Scheme is "http" or "https" && address.PathBase.Length == 0 && (address.IsUnixPipe
                ? Directory.Exists(Path.GetDirectoryName(address.UnixPipePath))
                : address.Port is >= 0 and <= IPEndPoint.MaxPort && (address.Host is "*" or "+" or "localhost" || IPAddress.TryParse(address.Host, out _)));
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static Parsed<string> AsPath(string text) =>
        text.Any(char.IsControl) || string.IsNullOrWhiteSpace(text) ? Parsed<string>.Illegal("a path has letters, and no control characters") : Parsed<string>.Of(text);

    private static string? WhyUnreadable(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return File.Exists(path) ? $"{path} can't be read by this process" : $"{path} does not exist or is no file";
        }
    }

    private static string? WhyNoAuthority(string path)
    {
        if (WhyUnreadable(path) is { } why)
        {
            return why;
        }

        try
        {
            X509Certificate2Collection authorities = [];
            authorities.ImportFromPemFile(path);
            return authorities.Count > 0 ? null : $"{path} holds no certificate as PEM (-----BEGIN CERTIFICATE-----)";
        }
        catch (CryptographicException)
        {
            return $"{path} holds a certificate that can't be read";
        }
    }

    private static Parsed<Template> AsTemplate(string text, Func<string, bool> isLegal)
    {
        if (!Core.Template.TryParse(text, out var template, out var error))
        {
            return Parsed<Template>.Illegal(error);
        }

        // Whatever a name stands for is made legal when it is filled in, so a letter may stand for it here.
        return isLegal(Braces().Replace(text, "x")) ? Parsed<Template>.Of(template) : Parsed<Template>.Illegal();
    }

    private static string Show(TimeSpan duration) => duration.ToString("c", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\{[^}]*\}", RegexOptions.CultureInvariant)]
    private static partial Regex Braces();

    [GeneratedRegex(@"\A[a-z0-9]+/[a-z0-9_]+(?:/[a-z0-9]+)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex PlatformGrammar();
}

/// <summary>Docker Hub answers to several names, and images name it by only one of them.</summary>
internal static class DockerHub
{
    public const string Host = "docker.io";

    /// <summary><c>index.docker.io</c> and <c>registry-1.docker.io</c> are <c>docker.io</c>; every other host stays, in lower case.</summary>
    public static string Normalise(string host) => host.ToLowerInvariant() is var name && name is "index.docker.io" or "registry-1.docker.io" ? Host : name;
}

internal static class LoopbackHost
{
    /// <summary><c>localhost</c>, a name below it, 127.0.0.0/8 or <c>[::1]</c>, with or without a port.</summary>
    public static bool Is(string hostAndPort)
    {
        if (!Uri.TryCreate($"http://{hostAndPort}", UriKind.Absolute, out var uri))
        {
            return false;
        }

        return uri.IdnHost.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || uri.IdnHost.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(uri.IdnHost.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
    }
}
