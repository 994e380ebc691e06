using System.Diagnostics.CodeAnalysis;

namespace ReleaseBot.Configuration;

internal enum Secrecy
{
    /// <summary>May be shown, and is quoted in a problem.</summary>
    Public,

    /// <summary>No secret, but someone may have put one inside (a URL's user part): never quoted.</summary>
    Unquoted,

    /// <summary>An address with credentials inside; those are the secret.</summary>
    HoldsCredentials,

    /// <summary>Secret as a whole.</summary>
    Secret,
}

/// <summary>A kind of value: how it is called, what is legal, and how a text becomes one.</summary>
/// <param name="Legal">Continues "must be …".</param>
internal sealed record SettingType<T>(string Name, string Legal, Func<string, Parsed<T>> Parse, Secrecy Secrecy = Secrecy.Public)
    where T : notnull
{
    /// <summary>An empty text is a value, and no sign of a variable that was never set.</summary>
    public bool MayBeEmpty { get; init; }

    /// <summary>
    /// What is wrong with the thing that a legal text names, such as a file; null for nothing. Asked only where the process needs the thing, since
    /// processes on several machines may share a configuration.
    /// </summary>
    public Func<T, string?>? WhyUnusable { get; init; }
}

/// <summary>A value, or why there is none.</summary>
internal readonly record struct Parsed<T>
    where T : notnull
{
    [MemberNotNullWhen(true, nameof(Value))]
    public bool IsLegal { get; private init; }

    public T? Value { get; private init; }

    /// <summary>More than "not legal", where there is more to say. Never quotes a secret.</summary>
    public string? Why { get; private init; }

    public static Parsed<T> Of(T value) => new() { IsLegal = true, Value = value };

    public static Parsed<T> Illegal(string? why = null) => new() { Why = why };
}
