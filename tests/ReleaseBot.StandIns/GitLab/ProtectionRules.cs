using System.Text.RegularExpressions;

namespace ReleaseBot.StandIns.GitLab;

/// <summary>A project's protected tags or branches. <c>*</c> stands for any characters, <c>/</c> too (app/models/ref_matcher.rb).</summary>
public sealed class ProtectionRules
{
    private readonly Lock _lock = new();
    private readonly List<string> _rules = [];

    public IReadOnlyList<string> All
    {
        get
        {
            lock (_lock)
            {
                return [.. _rules];
            }
        }
    }

    /// <summary>False when the rule is there already.</summary>
    public bool Add(string rule)
    {
        lock (_lock)
        {
            if (_rules.Contains(rule))
            {
                return false;
            }

            _rules.Add(rule);
            return true;
        }
    }

    public bool Remove(string rule)
    {
        lock (_lock)
        {
            return _rules.Remove(rule);
        }
    }

    public bool Cover(string name) => All.Any(rule => Regex.IsMatch(
        name, @"\A" + Regex.Escape(rule).Replace(@"\*", ".*", StringComparison.Ordinal) + @"\z", RegexOptions.Singleline | RegexOptions.CultureInvariant));
}
