using System.Diagnostics.CodeAnalysis;

namespace ReleaseBot.Core;

public enum RefKind
{
    Tag,
    Branch,
}

/// <summary>A git ref by its short name, e.g. <c>v1.2.3</c> of <c>refs/tags/v1.2.3</c>. A tag and a branch may share a name, so the kind is part of it.</summary>
public sealed record GitRef
{
    private const string TagPrefix = "refs/tags/";
    private const string BranchPrefix = "refs/heads/";

    /// <summary>GitLab stores a ref name in 255 bytes at the most.</summary>
    public const int MaxNameBytes = 255;

    private GitRef(RefKind kind, string name)
    {
        Kind = kind;
        Name = name;
    }

    public RefKind Kind { get; }

    /// <summary>The short name, e.g. <c>v1.2.3</c> or <c>feature/login</c>.</summary>
    public string Name { get; }

    /// <summary>The full name, e.g. <c>refs/tags/v1.2.3</c>.</summary>
    public string FullName => (Kind == RefKind.Tag ? TagPrefix : BranchPrefix) + Name;

    public override string ToString() => FullName;

    public static GitRef Tag(string name) => Create(RefKind.Tag, name);

    public static GitRef Branch(string name) => Create(RefKind.Branch, name);

    /// <summary>Reads a full name. Anything that is not a well-formed tag or branch, by the rules of git-check-ref-format(1), is refused; so are a leading dash, as GitLab refuses it, and Unicode's control characters.</summary>
    public static bool TryParse(string? fullName, [NotNullWhen(true)] out GitRef? value)
    {
        value = null;
        if (fullName is null)
        {
            return false;
        }

        if (fullName.StartsWith(TagPrefix, StringComparison.Ordinal))
        {
            return TryCreate(RefKind.Tag, fullName[TagPrefix.Length..], out value);
        }

        return fullName.StartsWith(BranchPrefix, StringComparison.Ordinal)
            && TryCreate(RefKind.Branch, fullName[BranchPrefix.Length..], out value);
    }

    public static bool TryCreate(RefKind kind, string? name, [NotNullWhen(true)] out GitRef? value)
    {
        value = name is not null && IsWellFormed(name) ? new GitRef(kind, name) : null;
        return value is not null;
    }

    private static GitRef Create(RefKind kind, string name) =>
        TryCreate(kind, name, out var value) ? value : throw new FormatException($"Not a {kind} name that git allows.");

    private static bool IsWellFormed(string name)
    {
        if (name.Length is 0 || System.Text.Encoding.UTF8.GetByteCount(name) > MaxNameBytes || name[0] is '-')
        {
            return false;
        }

        if (name.Contains("..", StringComparison.Ordinal) || name.Contains("@{", StringComparison.Ordinal) || name.EndsWith('.'))
        {
            return false;
        }

        foreach (var c in name)
        {
            if (char.IsControl(c) || c is ' ' or '~' or '^' or ':' or '?' or '*' or '[' or '\\' || char.IsSurrogate(c) && !IsPaired(name))
            {
                return false;
            }
        }

        foreach (var part in name.Split('/'))
        {
            if (part.Length == 0 || part[0] == '.' || part.EndsWith(".lock", StringComparison.Ordinal))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsPaired(string name)
    {
        for (var i = 0; i < name.Length; i++)
        {
            if (char.IsHighSurrogate(name[i]) && i + 1 < name.Length && char.IsLowSurrogate(name[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(name[i]))
            {
                return false;
            }
        }

        return true;
    }
}
