using System.Buffers;

namespace ReleaseBot.Core;

/// <summary>The grammar of an image tag: <c>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}</c>.</summary>
public static class ImageTag
{
    public const int MaxLength = 128;

    private static readonly SearchValues<char> Legal =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

    public static bool IsLegal(string? tag) =>
        tag is not null && tag.Length is > 0 and <= MaxLength && tag[0] is not ('.' or '-') && !tag.AsSpan().ContainsAnyExcept(Legal);

    /// <summary>Makes a ref's name or a version fit: <c>/</c> becomes <c>-</c>, <c>+</c> becomes <c>_</c>, every other illegal character <c>-</c>. The length is not touched.</summary>
    public static string Legalise(string value)
    {
        var tag = string.Create(value.Length, value, static (span, source) =>
        {
            for (var i = 0; i < source.Length; i++)
            {
                span[i] = source[i] switch
                {
                    '+' => '_',
                    var c when Legal.Contains(c) => c,
                    _ => '-',
                };
            }
        });
        // The first character may be neither '.' nor '-'; '_' is the legal one that says "was something else".
        return tag is ['.' or '-', ..] ? string.Concat("_", tag.AsSpan(1)) : tag;
    }
}
