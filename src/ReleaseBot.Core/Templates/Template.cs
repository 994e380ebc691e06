using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace ReleaseBot.Core;

/// <summary>What a template's names stand for. A value that a ref does not have is null.</summary>
public sealed record TemplateFacts
{
    public required GitRef Ref { get; init; }
    public required ObjectId Commit { get; init; }

    /// <summary>The commit's time; <c>{date:…}</c> shows it in UTC.</summary>
    public required DateTimeOffset CommittedAt { get; init; }

    /// <summary>GitLab's path_with_namespace.</summary>
    public required string ProjectPath { get; init; }
    public SemanticVersion? Version { get; init; }
}

/// <summary>A text with names in braces, e.g. <c>acme/{project.name}</c>, <c>{major}.{minor}</c>, <c>{date:yyyyMMdd}</c>.</summary>
public sealed class Template : IEquatable<Template>
{
    /// <summary>Every name that is legal in braces.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "tag", "branch", "version", "major", "minor", "patch", "prerelease", "sha", "short_sha", "date:FORMAT",
        "project.path", "project.name", "project.namespace",
    ];

    private readonly IReadOnlyList<Part> _parts;

    private Template(string text, IReadOnlyList<Part> parts)
    {
        Text = text;
        _parts = parts;
    }

    public string Text { get; }

    public bool Uses(string name) => _parts.Any(part => part.Name == name);

    /// <summary>Of the whole version only the three numbers: for a pre-release it makes the tag of the final version.</summary>
    public bool IsWholeNumberOnly =>
        Uses("major") && Uses("minor") && Uses("patch") && !Uses("prerelease") && !Uses("tag") && !Uses("version") && !Uses("sha") && !Uses("short_sha");

    /// <summary>Whether what it makes names one commit or one version for ever: the commit, or of a git tag its name or whole version.</summary>
    public bool CarriesWholeVersion(RefKind kind) =>
        Uses("sha") || Uses("short_sha")
        || kind == RefKind.Tag && (Uses("tag") || Uses("version") || Uses("major") && Uses("minor") && Uses("patch"));

    public static Template Parse(string text) => TryParse(text, out var template, out var error) ? template : throw new FormatException(error);

    public static bool TryParse(string text, [NotNullWhen(true)] out Template? template, [NotNullWhen(false)] out string? error)
    {
        (template, error) = (null, null);
        List<Part> parts = [];
        for (var at = 0; at < text.Length;)
        {
            var open = text.AsSpan(at).IndexOfAny('{', '}');
            if (open < 0)
            {
                parts.Add(new Part(text[at..], null, null));
                break;
            }

            var close = text.IndexOf('}', at + open);
            if (text[at + open] == '}' || close < 0)
            {
                error = $"\"{text}\" has an unmatched brace";
                return false;
            }

            if (open > 0)
            {
                parts.Add(new Part(text.Substring(at, open), null, null));
            }

            if (!TryParsePart(text[(at + open + 1)..close], out var part, out error))
            {
                return false;
            }

            parts.Add(part);
            at = close + 1;
        }

        template = new Template(text, parts);
        return true;
    }

    /// <summary>Fills the names in; null, with the name that is missing, where the ref has no such value.</summary>
    public string? Expand(TemplateFacts facts, out string? missing)
    {
        missing = null;
        var text = new StringBuilder();
        foreach (var part in _parts)
        {
            var value = part.Name is null ? part.Literal : Value(part, facts);
            if (value is null)
            {
                missing = part.Name;
                return null;
            }

            text.Append(value);
        }

        return text.ToString();
    }

    public bool Equals(Template? other) => other is not null && Text == other.Text;

    public override bool Equals(object? obj) => Equals(obj as Template);

    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Text;

    private static bool TryParsePart(string inner, [NotNullWhen(true)] out Part? part, [NotNullWhen(false)] out string? error)
    {
        var colon = inner.IndexOf(':', StringComparison.Ordinal);
        var (name, format) = colon < 0 ? (inner, null) : (inner[..colon], inner[(colon + 1)..]);
        part = null;
        error = null;
        if (name == "date")
        {
            if (string.IsNullOrEmpty(format) || !IsDateFormat(format))
            {
                error = "{date} needs a .NET date format, e.g. {date:yyyyMMdd}";
                return false;
            }
        }
        else if (format is not null || !Names.Contains(name, StringComparer.Ordinal))
        {
            error = $"{{{inner}}} is not a name that a template knows; legal are {string.Join(", ", Names.Select(n => $"{{{n}}}"))}";
            return false;
        }

        part = new Part(null, name, format);
        return true;
    }

    private static bool IsDateFormat(string format)
    {
        try
        {
            _ = DateTimeOffset.UnixEpoch.ToString(format, CultureInfo.InvariantCulture);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static string? Value(Part part, TemplateFacts facts) => part.Name switch
    {
        "tag" => ImageTag.Legalise(facts.Ref.Name),
        "branch" => facts.Ref.Kind == RefKind.Branch ? facts.Ref.Name : null,
        "version" => facts.Version?.ToString(),
        "major" => facts.Version?.Major.ToString(CultureInfo.InvariantCulture),
        "minor" => facts.Version?.Minor.ToString(CultureInfo.InvariantCulture),
        "patch" => facts.Version?.Patch.ToString(CultureInfo.InvariantCulture),
        "prerelease" => facts.Version is { IsStable: false } version ? version.Prerelease : null,
        "sha" => facts.Commit.Value,
        "short_sha" => facts.Commit.Short,
        "date" => facts.CommittedAt.UtcDateTime.ToString(part.Format, CultureInfo.InvariantCulture),
        "project.path" => facts.ProjectPath.ToLowerInvariant(),
        "project.name" => facts.ProjectPath[(facts.ProjectPath.LastIndexOf('/') + 1)..].ToLowerInvariant(),
        "project.namespace" => facts.ProjectPath.LastIndexOf('/') is > 0 and var cut ? facts.ProjectPath[..cut].ToLowerInvariant() : null,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private sealed record Part(string? Literal, string? Name, string? Format);
}
