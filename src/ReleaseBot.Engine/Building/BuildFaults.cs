using System.Text.RegularExpressions;

namespace ReleaseBot.Engine.Building;

/// <summary>Sorts what a builder says of its failure: the user's to mend, a base's registry that is away, or the engine itself in trouble.</summary>
internal static partial class BuildFaults
{
    private static readonly (string Says, string Hint)[] Hints =
    [
        ("the --mount option requires BuildKit", "This engine builds with the classic builder; set Engine:Builder to BuildKit or Auto, or take an engine that has BuildKit."),
        ("no basic auth credentials", "A base image wants credentials: name its registry in the rule's Pull."),
        ("401 Unauthorized", "A base image wants other credentials: name its registry in the rule's Pull, and check its user and password."),
        ("403 Forbidden", "The credentials for a base image may not read it: check the rule's Pull."),
        ("pull access denied", "The base image does not exist or is private: check its name, or name its registry in the rule's Pull."),
        ("insufficient_scope", "The base image does not exist or is private: check its name, or name its registry in the rule's Pull."),
        ("failed to fetch oauth token", "A base image wants other credentials: name its registry in the rule's Pull, and check its user and password."),
        ("frontend gateway.v0", "The Dockerfile's '# syntax=' line has the engine fetch a frontend image; the engine must be able to reach its registry."),
        ("x509: certificate signed by unknown authority", "The engine does not trust the certificate of a base's registry: its CA belongs in the engine's /etc/docker/certs.d."),
        ("server gave HTTP response to HTTPS client", "A base's registry speaks plain HTTP: the engine must list it in insecure-registries."),
        ("failed to compute cache key", "COPY and ADD see the context only: is the path below Context, and not in .dockerignore?"),
        ("target stage", "Target names no stage of the Dockerfile."),
        ("exec format error", "The build ran a program for another processor: the engine needs emulation (binfmt_misc) for that platform."),
    ];

    /// <param name="lacksHeredocs">The engine is older than 23.0, whose built-in Dockerfile frontend is the first to know them.</param>
    /// <param name="stepFoundNoSpace">The last lines of the log say so; a failed step's message is its exit code alone.</param>
    public static Exception Sort(string message, bool lacksHeredocs, bool stepFoundNoSpace = false)
    {
        message = LogText.Clean(message.ReplaceLineEndings(" ")).Trim();
        if (ComesFromStep().IsMatch(message))
        {
            if (stepFoundNoSpace)
            {
                return new EngineFullException($"A step found no space left on the device: {message}");
            }
        }
        else
        {
            if (NoSpace.IsIn(message))
            {
                return new EngineFullException($"The engine has no space left for the build: {message}");
            }

            if (EngineTrouble().IsMatch(message))
            {
                return new EngineUnavailableException($"The engine gave up on the build: {message}");
            }

            if (UnknownHost(message) is { } host)
            {
                // Without the builder's words, which name another port or server each time: the same host gives the same message.
                return new BuildFailedException($"No such host: DNS does not know {host}, where a base image should come from. Is its name spelt right?", isTransient: true)
                {
                    UnknownHost = host,
                };
            }

            if (NetworkTrouble().IsMatch(message))
            {
                return new BuildFailedException(WithHint(message, lacksHeredocs), isTransient: true);
            }
        }

        return new BuildFailedException(WithHint(message, lacksHeredocs));
    }

    /// <summary>The host that DNS says does not exist (Go's net: "lookup HOST on SERVER: no such host"), unless a mistake in a Dockerfile can't be the cause.</summary>
    private static string? UnknownHost(string message)
    {
        var host = HostLookup().Match(message) is { Success: true } match ? match.Groups["host"].Value.TrimEnd('.') : null;
        return host is null || host == "docker.io" || host.EndsWith(".docker.io", StringComparison.OrdinalIgnoreCase) ? null : host;
    }

    private static string WithHint(string message, bool lacksHeredocs)
    {
        var hint = lacksHeredocs && message.Contains("unknown instruction", StringComparison.OrdinalIgnoreCase)
            ? "If that is a line of a heredoc (<<EOF): they need an engine from 23.0 on, or '# syntax=docker/dockerfile:1' as the Dockerfile's first line."
            : Hints.FirstOrDefault(known => message.Contains(known.Says, StringComparison.OrdinalIgnoreCase)).Hint;
        return hint is null ? message : $"{message.TrimEnd('.')}. {hint}";
    }

    /// <summary>A command's own failure, whose text quotes the Dockerfile and may say anything.</summary>
    [GeneratedRegex("executor failed running|did not complete successfully|returned a non-zero code")]
    private static partial Regex ComesFromStep();

    [GeneratedRegex(@"\blookup (?<host>[^\s:]+)(?: on \S+)?: no such host\b")]
    private static partial Regex HostLookup();

    [GeneratedRegex("context canceled|no active session|transport is closing|code = Unavailable|error reading from server|shutting down|layer does not exist", RegexOptions.IgnoreCase)]
    private static partial Regex EngineTrouble();

    [GeneratedRegex(
        @"connection refused|connection reset|i/o timeout|no such host|TLS handshake timeout|deadline exceeded|Client\.Timeout|server misbehaving|temporary failure in name resolution|network is unreachable|no route to host|unexpected EOF|toomanyrequests|\b(?:408|429|5\d\d) (?:Request Timeout|Too Many Requests|Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)",
        RegexOptions.IgnoreCase)]
    private static partial Regex NetworkTrouble();
}
