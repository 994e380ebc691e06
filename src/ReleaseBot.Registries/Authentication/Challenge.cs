namespace ReleaseBot.Registries;

/// <summary>One challenge of a WWW-Authenticate header (RFC 9110 §11.6.1), e.g. <c>Bearer realm="https://…",service="…"</c>.</summary>
/// <param name="Parameters">By name, in any case. Without the credentials of the token68 form, which no registry uses.</param>
internal sealed record Challenge(string Scheme, IReadOnlyDictionary<string, string> Parameters)
{
    public bool IsBearer => string.Equals(Scheme, "Bearer", StringComparison.OrdinalIgnoreCase);

    public bool IsBasic => string.Equals(Scheme, "Basic", StringComparison.OrdinalIgnoreCase);

    public string? Parameter(string name) => Parameters.GetValueOrDefault(name);

    /// <summary>Reads all challenges of all headers; what can't be read is left out.</summary>
    public static IReadOnlyList<Challenge> ParseAll(IEnumerable<string> headers) => [.. headers.SelectMany(header => new Parser(header).Parse())];

    private ref struct Parser(string text)
    {
        private int _at;

        public List<Challenge> Parse()
        {
            List<Challenge> challenges = [];
            Dictionary<string, string>? parameters = null;
            while (SkipSeparators())
            {
                var word = Token();
                if (word.Length == 0)
                {
                    SkipToComma();
                }
                else if (!IsFollowedByValue())
                {
                    parameters = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
                    challenges.Add(new Challenge(word, parameters));
                }
                else
                {
                    // A parameter before any scheme belongs to nobody, and the first of two with one name counts.
                    var value = Value();
                    parameters?.TryAdd(word, value);
                }
            }

            return challenges;
        }

        private bool SkipSeparators()
        {
            while (_at < text.Length && text[_at] is ',' or ' ' or '\t')
            {
                _at++;
            }

            return _at < text.Length;
        }

        private void SkipToComma()
        {
            while (_at < text.Length && text[_at] != ',')
            {
                _at++;
            }
        }

        private string Token()
        {
            var start = _at;
            while (_at < text.Length && (char.IsAsciiLetterOrDigit(text[_at]) || "!#$%&'*+-.^_`|~".Contains(text[_at], StringComparison.Ordinal)))
            {
                _at++;
            }

            return text[start.._at];
        }

        /// <summary>Whether "=" and a value follow; if so, moves to the value. Otherwise the word was a scheme.</summary>
        private bool IsFollowedByValue()
        {
            var ahead = _at;
            while (ahead < text.Length && text[ahead] is ' ' or '\t')
            {
                ahead++;
            }

            if (ahead >= text.Length || text[ahead] != '=')
            {
                return false;
            }

            _at = ahead + 1;
            while (_at < text.Length && text[_at] is ' ' or '\t')
            {
                _at++;
            }

            return true;
        }

        private string Value()
        {
            if (_at >= text.Length || text[_at] != '"')
            {
                var start = _at;
                SkipToComma();
                return text[start.._at].Trim();
            }

            var value = new System.Text.StringBuilder();
            for (_at++; _at < text.Length && text[_at] != '"'; _at++)
            {
                if (text[_at] == '\\' && _at + 1 < text.Length)
                {
                    _at++;
                }

                value.Append(text[_at]);
            }

            _at++;
            return value.ToString();
        }
    }
}
