using System.Diagnostics.CodeAnalysis;

namespace ReleaseBot.Core;

/// <summary>A git object's name: 40 lower-case hex digits (SHA-1) or 64 (SHA-256). A commit, or the object of an annotated tag.</summary>
public readonly record struct ObjectId
{
    private readonly string? _value;

    private ObjectId(string value) => _value = value;

    public string Value => _value ?? new string('0', 40);

    /// <summary>The first eight digits, as people quote a commit.</summary>
    public string Short => Value[..8];

    /// <summary>All zeros: git's way to say "no object", the <c>before</c> of a new ref and the <c>after</c> of a deleted one.</summary>
    public bool IsZero => Value.AsSpan().IndexOfAnyExcept('0') < 0;

    /// <summary>All zeros are equal however they came to be.</summary>
    public bool Equals(ObjectId other) => Value == other.Value;

    public override int GetHashCode() => Value.GetHashCode(StringComparison.Ordinal);

    public override string ToString() => Value;

    public static ObjectId Parse(string value) =>
        TryParse(value, out var id) ? id : throw new FormatException("Not a git object id: 40 or 64 hex digits are expected.");

    public static bool TryParse([NotNullWhen(true)] string? value, out ObjectId id)
    {
        id = default;
        if (value is null || value.Length is not (40 or 64) || value.AsSpan().ContainsAnyExcept("0123456789abcdefABCDEF"))
        {
            return false;
        }

        id = new ObjectId(value.ToLowerInvariant());
        return true;
    }
}
