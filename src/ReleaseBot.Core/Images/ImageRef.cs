using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace ReleaseBot.Core;

/// <summary>A repository of a registry, e.g. <c>registry.example:5000/team/app</c>. The host is never implied; Docker Hub's is <c>docker.io</c>.</summary>
/// <param name="Host">Host and optional port, e.g. <c>registry.example:5000</c>.</param>
/// <param name="Name">The path below it, lower case, e.g. <c>team/app</c>; 255 characters at the most.</param>
public sealed partial record ImageRepository(string Host, string Name)
{
    public const int MaxNameLength = 255;

    public override string ToString() => $"{Host}/{Name}";

    public ImageRef WithTag(string tag) => new(this, tag);

    /// <summary>The grammar of distribution/reference: components of lower-case letters and digits, joined by one of <c>.</c>, <c>_</c>, <c>__</c> or dashes.</summary>
    public static bool IsLegalName(string? name) => name is not null && name.Length is > 0 and <= MaxNameLength && NameGrammar().IsMatch(name);

    public static bool IsLegalHost(string? host) => host is not null && HostGrammar().IsMatch(host);

    [GeneratedRegex(@"\A[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex NameGrammar();

    [GeneratedRegex(@"\A(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?\z", RegexOptions.CultureInvariant)]
    private static partial Regex HostGrammar();
}

/// <summary>A fully qualified image reference, e.g. <c>registry.example:5000/team/app:1.4.0</c>. Neither host nor tag is ever implied: <c>app:1.4.0</c> does not parse.</summary>
public sealed record ImageRef(ImageRepository Repository, string Tag)
{
    public override string ToString() => $"{Repository}:{Tag}";

    public static bool TryParse(string? value, [NotNullWhen(true)] out ImageRef? image)
    {
        image = null;
        if (value is null)
        {
            return false;
        }

        var slash = value.IndexOf('/', StringComparison.Ordinal);
        var colon = value.LastIndexOf(':');
        if (slash <= 0 || colon <= slash)
        {
            return false;
        }

        var (host, name, tag) = (value[..slash], value[(slash + 1)..colon], value[(colon + 1)..]);
        var hasHost = host.Contains('.', StringComparison.Ordinal) || host.Contains(':', StringComparison.Ordinal) || host is "localhost";
        if (!hasHost || !ImageRepository.IsLegalHost(host) || !ImageRepository.IsLegalName(name) || !ImageTag.IsLegal(tag))
        {
            return false;
        }

        image = new ImageRef(new ImageRepository(host, name), tag);
        return true;
    }
}
