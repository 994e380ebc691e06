using System.Text;

namespace ReleaseBot.Core;

/// <summary>
/// Replaces secrets in a text by <c>***</c>, in the forms that they take: as they are, in base64, and percent-encoded. Every text that leaves
/// the process for a log, a row or an answer and that a tool outside had a hand in goes through one of these.
/// </summary>
public sealed class SecretMask
{
    /// <summary>Shorter ones are not masked: they would blot out half of every text.</summary>
    public const int MinLength = 4;

    internal const string Hidden = "***";

    /// <summary>A last line of base64 that is shorter is left where it stands alone: it would be found in other words too. <see cref="LineMask"/> knows it by the line before.</summary>
    private const int ShortestRest = 8;

    /// <summary>Where <c>base64</c> of coreutils and <c>openssl base64</c> (RFC 7468) break their lines.</summary>
    private static readonly int[] Wraps = [76, 64];

    private readonly string[] _forms;
    private readonly (string Before, string Tail)[] _rests;

    public SecretMask(IEnumerable<Secret> secrets)
    {
        var all = secrets.Select(secret => secret.Reveal()).ToList();
        _rests = [.. all.SelectMany(Rests).Distinct()];
        // The longest first, so that a secret that holds another is hidden whole.
        _forms = [.. all.SelectMany(Forms).Concat(_rests.Select(rest => $"{rest.Before}\n{rest.Tail}")).Where(form => form.Length >= MinLength).Distinct()
            .OrderByDescending(form => form.Length)];
    }

    /// <summary>The length of the longest text that is masked: where a text was cut, a secret may have been cut that is not recognised any more.</summary>
    public int Reach => _forms.Length == 0 ? 0 : _forms[0].Length;

    /// <summary>Works on whole lines: a secret is masked wherever it stands in <paramref name="text"/>.</summary>
    public string Apply(string text)
    {
        foreach (var form in _forms)
        {
            text = text.Replace(form, Hidden, StringComparison.Ordinal);
        }

        return text;
    }

    /// <summary>The same of a reason, whose sentence quotes what a builder, a registry or GitLab said.</summary>
    public Reason Apply(Reason reason) => reason with { Message = Apply(reason.Message) };

    /// <summary>What is too short to be masked wherever it stands, and follows on this line where the line is part of a secret.</summary>
    internal IEnumerable<string> RestsAfter(string line) =>
        _rests.Where(rest => line.Contains(rest.Before, StringComparison.Ordinal)).Select(rest => rest.Tail);

    /// <summary>The short lines of a secret, and of its base64, each with the line before it, by which it is known.</summary>
    private static IEnumerable<(string Before, string Tail)> Rests(string secret)
    {
        var own = secret.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        foreach (var (before, rest) in own.Zip(own.Skip(1)).Where(pair => pair.First.Length >= MinLength && pair.Second.Length < MinLength))
        {
            yield return (before, rest);
        }

        var whole = Base64(secret);
        foreach (var wrap in Wraps.Where(wrap => whole.Length > wrap && whole.Length % wrap is > 0 and < ShortestRest))
        {
            var end = whole.Length - whole.Length % wrap;
            yield return (whole[(end - wrap)..end], whole[end..]);
        }
    }

    private static IEnumerable<string> Forms(string secret)
    {
        // A log is masked line by line, so a secret of several lines is one secret a line.
        foreach (var line in secret.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            yield return line;
            yield return Uri.EscapeDataString(line);
            yield return Base64(line);
        }

        var whole = Base64(secret);
        yield return whole;
        foreach (var line in Wraps.Where(wrap => whole.Length > wrap).SelectMany(wrap => whole.Chunk(wrap)).Where(line => line.Length >= ShortestRest))
        {
            yield return new string(line);
        }
    }

    /// <summary>Nothing for what is too short to be masked: its base64 would be long enough.</summary>
    private static string Base64(string text) => text.Length < MinLength ? "" : Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
