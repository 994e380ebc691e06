using System.Text;
using System.Text.RegularExpressions;

namespace ReleaseBot.Engine;

/// <summary>
/// One line of a <c>.dockerignore</c>. <c>*</c> and <c>?</c> stay within a segment, <c>**</c> crosses segments, <c>[a-z]</c> and <c>\</c> are as in
/// Go's filepath.Match. Most patterns are plain texts, or such with <c>**</c> in front or behind, and need no regular expression.
/// </summary>
internal sealed class IgnorePattern
{
    private readonly string _text;
    private readonly Kind _kind;
    private readonly Regex? _regex;

    private IgnorePattern(string pattern, bool isException)
    {
        IsException = isException;
        (_kind, _text, var expression) = new Compiler(pattern).Compile();
        // Not backtracking: whoever writes the file must not be able to keep us busy.
        _regex = _kind == Kind.Expression
            ? new Regex(expression, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.Singleline)
            : null;
    }

    private enum Kind
    {
        Exact,
        Prefix,
        Suffix,
        Expression,
    }

    /// <summary>Begins with <c>!</c>: takes back what earlier rules left out.</summary>
    public bool IsException { get; }

    public static IgnorePattern Parse(string line)
    {
        var isException = line[0] == '!';
        var pattern = isException ? line[1..].Trim() : line;
        if (pattern.Length == 0)
        {
            throw new FormatException("'!' alone takes nothing back.");
        }

        pattern = Clean(pattern);
        return new IgnorePattern(pattern.Length > 1 && pattern[0] == '/' ? pattern[1..] : pattern, isException);
    }

    public bool IsMatch(string path) => _kind switch
    {
        Kind.Exact => path == _text,
        Kind.Prefix => path.StartsWith(_text, StringComparison.Ordinal),
        Kind.Suffix => path.EndsWith(_text, StringComparison.Ordinal) || (_text is ['/', ..] && path.AsSpan().SequenceEqual(_text.AsSpan(1))),
        _ => _regex!.IsMatch(path),
    };

    /// <summary>Go's filepath.Clean: no empty segments, no <c>.</c>, and <c>..</c> resolved as far as it goes.</summary>
    private static string Clean(string path)
    {
        var isRooted = path[0] == '/';
        var kept = new List<string>();
        foreach (var segment in path.Split('/'))
        {
            if (segment is "" or ".")
            {
                continue;
            }

            if (segment != "..")
            {
                kept.Add(segment);
            }
            else if (kept.Count > 0 && kept[^1] != "..")
            {
                kept.RemoveAt(kept.Count - 1);
            }
            else if (!isRooted)
            {
                kept.Add(segment);
            }
        }

        return isRooted ? "/" + string.Join('/', kept) : kept.Count == 0 ? "." : string.Join('/', kept);
    }

    /// <summary>Reads a pattern once, from left to right.</summary>
    private ref struct Compiler(string pattern)
    {
        private readonly StringBuilder _expression = new("\\A");
        private Kind _kind = Kind.Exact;
        private int _at;

        public (Kind Kind, string Text, string Expression) Compile()
        {
            while (_at < pattern.Length)
            {
                switch (pattern[_at])
                {
                    case '*' when pattern.AsSpan(_at).StartsWith("**"):
                        AnySegments();
                        break;
                    case '*':
                        Add("[^/]*", 1);
                        break;
                    case '?':
                        Add("[^/]", 1);
                        break;
                    case '[':
                        Class();
                        break;
                    case '\\':
                        Escaped();
                        break;
                    default:
                        _expression.Append(Regex.Escape(pattern[_at].ToString()));
                        _at++;
                        break;
                }
            }

            var text = _kind switch
            {
                Kind.Prefix => pattern[..^2],
                Kind.Suffix => pattern[2..],
                _ => pattern,
            };
            return (_kind, text, _expression.Append("\\z").ToString());
        }

        private void AnySegments()
        {
            var isFirst = _at == 0;
            _at += 2;
            if (_at < pattern.Length && pattern[_at] == '/')
            {
                _at++;
            }

            if (_at < pattern.Length)
            {
                Add("(.*/)?", 0);
            }
            else if (_kind == Kind.Exact)
            {
                _kind = Kind.Prefix;
            }
            else
            {
                Add(".*", 0);
            }

            // In front of plain text, '**' need not end at a segment: '**file' matches 'dir/myfile' too.
            _kind = isFirst ? Kind.Suffix : _kind;
        }

        private void Escaped()
        {
            if (_at + 1 == pattern.Length)
            {
                throw new FormatException($"'{pattern}' ends with a backslash that escapes nothing.");
            }

            Add(Regex.Escape(pattern[_at + 1].ToString()), 2);
        }

        private void Class()
        {
            var start = _at++;
            _expression.Append('[');
            if (_at < pattern.Length && pattern[_at] == '^')
            {
                _expression.Append('^');
                _at++;
            }

            for (var isFirst = true; isFirst || _at >= pattern.Length || pattern[_at] != ']'; isFirst = false)
            {
                var low = Member(start);
                Append(low);
                if (_at < pattern.Length && pattern[_at] == '-')
                {
                    _at++;
                    var high = Member(start);
                    if (high < low)
                    {
                        throw Malformed(start);
                    }

                    _expression.Append('-');
                    Append(high);
                }
            }

            Add("]", 1);
        }

        private char Member(int start)
        {
            if (_at < pattern.Length && pattern[_at] == '\\')
            {
                _at++;
            }
            else if (_at < pattern.Length && pattern[_at] is '-' or ']')
            {
                throw Malformed(start);
            }

            return _at < pattern.Length ? pattern[_at++] : throw Malformed(start);
        }

        private readonly void Append(char member) => _expression.Append(member is '\\' or ']' or '[' or '^' or '-' ? $"\\{member}" : member.ToString());

        private readonly FormatException Malformed(int start) => new($"'{pattern}' has a malformed character class at '{pattern[start..]}'.");

        private void Add(string expression, int length)
        {
            _expression.Append(expression);
            _at += length;
            _kind = Kind.Expression;
        }
    }
}
