using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Reads the text of query parameters. What is not legal becomes a problem that names the parameter and says what is; the first one counts.</summary>
internal sealed class QueryText
{
    private const int MaxLength = 512;
    private const int DefaultLimit = 50;

    /// <summary>Ids are made of times since then.</summary>
    private const int FirstYear = 1970;

    public IResult? Problem { get; private set; }

    public string? Text(string name, string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            return null;
        }

        // A database may not know the character NUL.
        return value.Length <= MaxLength && !value.Contains('\0', StringComparison.Ordinal)
            ? value
            : Refuse<string>(name, $"text of at most {MaxLength} characters is expected.");
    }

    public int Limit(string? value) => Limit(value, DefaultLimit);

    /// <param name="otherwise">Where none is given.</param>
    public int Limit(string? value, int otherwise)
    {
        if (string.IsNullOrEmpty(value))
        {
            return otherwise;
        }

        return int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit is >= 1 and <= ReleaseFilter.MaxLimit
            ? limit
            : Refuse<int>("limit", $"a whole number from 1 to {ReleaseFilter.MaxLimit} is expected.");
    }

    public DateTimeOffset? Time(string name, string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            return null;
        }

        // In a query a plus sign stands for a space, and whoever pastes a time with an offset forgets to encode it. A space between date and time is another
        // matter: with a plus in its place the time would be taken for an offset, and the answer be that of another day.
        var isTimed = value.Length > 10 && value[10] is ('T' or 't');
        return (isTimed || value.Length == 10) && DateTimeOffset.TryParse(
            value.Replace(' ', '+'), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            && time.Year >= FirstYear && char.IsAsciiDigit(value[0]) && value[4] == '-'
            ? time
            : Refuse<DateTimeOffset?>(name, $"a time of RFC 3339 from {FirstYear} on is expected, e.g. 2026-01-31T12:00:00Z.");
    }

    public T? Name<T>(string name, string? value)
        where T : struct, Enum
    {
        if (string.IsNullOrEmpty(value))
        {
            return null;
        }

        return EnumText.Parse<T>(value) ?? Refuse<T?>(name, $"one of {string.Join(", ", EnumText.All<T>())} is expected.");
    }

    public bool Flag(string name, string? value) => value switch
    {
        null or "" or "false" => false,
        "true" => true,
        _ => Refuse<bool>(name, "true or false is expected."),
    };

    public string? Commit(string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            return null;
        }

        return value.Length is >= 7 and <= 64 && !value.AsSpan().ContainsAnyExcept("0123456789abcdefABCDEF")
            ? value
            : Refuse<string>("commit", "the first 7 to 64 hex digits of a commit are expected.");
    }

    public string? Digest(string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            return null;
        }

        return Core.Digest.TryParse(value, out _) ? value : Refuse<string>("digest", "sha256: and 64 lower-case hex digits are expected.");
    }

    public string? Image(string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            return null;
        }

        var slash = value.IndexOf('/', StringComparison.Ordinal);
        return ImageRef.TryParse(value, out _)
            || slash > 0 && ImageRepository.IsLegalHost(value[..slash]) && ImageRepository.IsLegalName(value[(slash + 1)..])
            ? value
            : Refuse<string>("image", "HOST/REPOSITORY:TAG or HOST/REPOSITORY is expected, e.g. docker.io/acme/shop:1.2.3.");
    }

    public Guid? Cursor(string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            return null;
        }

        return PageCursor.TryRead(value, out var id) ? id : Refuse<Guid?>("cursor", "the next of the page before is expected, as it was.");
    }

    [return: MaybeNull]
    private T Refuse<T>(string name, string legal)
    {
        Problem ??= Problems.InvalidParameter(name, legal);
        return default;
    }
}

/// <summary>Where a page ended, as opaque text.</summary>
internal static class PageCursor
{
    public static string? Write(Guid? id) => id is { } last ? Microsoft.AspNetCore.WebUtilities.WebEncoders.Base64UrlEncode(last.ToByteArray(bigEndian: true)) : null;

    public static bool TryRead(string text, out Guid id)
    {
        id = default;
        Span<byte> bytes = stackalloc byte[16];
        if (text.Length != 22 || System.Buffers.Text.Base64Url.DecodeFromChars(text, bytes, out _, out var length) != System.Buffers.OperationStatus.Done || length != 16)
        {
            return false;
        }

        id = new Guid(bytes, bigEndian: true);
        return true;
    }
}
