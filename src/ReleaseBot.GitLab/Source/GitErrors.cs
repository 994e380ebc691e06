using System.Text;
using System.Text.RegularExpressions;
using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <summary>Sorts git's complaints. They are English, since git runs with LC_ALL=C.</summary>
internal static partial class GitErrors
{
    private const int MaxQuoteLength = 500;

    public static GitLabException From(string step, GitResult result, Secret? token)
    {
        var words = Masked(result.Errors, token);
        var fault = FaultOf(words);
        var cure = fault == GitLabFault.Denied
            ? " GitLab:Token needs the scope read_repository (or api), and its user a role in the project and in each submodule's."
            : "";
        return new GitLabException(fault, $"git could not {step} (exit {result.ExitCode}): {words.TrimEnd('.')}.{cure}");
    }

    /// <summary>The server hands out the heads of its refs only, not a commit by its name.</summary>
    public static bool IsCommitNotOffered(GitResult result) =>
        result.Errors.Contains("does not allow request for unadvertised object", StringComparison.Ordinal)
        || result.Errors.Contains("not our ref", StringComparison.Ordinal);

    private static GitLabFault FaultOf(string words) =>
        Denied().IsMatch(words) ? GitLabFault.Denied
        : Missing().IsMatch(words) ? GitLabFault.NotFound
        : Outage().IsMatch(words) ? GitLabFault.Unavailable
        : GitLabFault.Unexpected;

    /// <summary>The last lines on one line, printable, without the token in any form that git might show it.</summary>
    private static string Masked(string errors, Secret? token)
    {
        var lines = errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).TakeLast(6);
        var words = string.Join("; ", lines);
        if (token?.Reveal().Trim() is { Length: > 0 } secret)
        {
            var basic = Convert.ToBase64String(Encoding.UTF8.GetBytes($"oauth2:{secret}"));
            foreach (var form in (string[])[secret, Uri.EscapeDataString(secret), basic])
            {
                words = words.Replace(form, "***", StringComparison.Ordinal);
            }
        }

        return Printable.Text(words, MaxQuoteLength);
    }

    [GeneratedRegex("Authentication failed|could not read (Username|Password)|returned error: 40[13]|HTTP Basic: Access denied|transport '[^']*' not allowed")]
    private static partial Regex Denied();

    [GeneratedRegex("not our ref|couldn't find remote ref|Repository not found|repository '[^']*' not found|returned error: 404|does not allow request for unadvertised|did not contain")]
    private static partial Regex Missing();

    [GeneratedRegex("Could not resolve|Failed to connect|Couldn't connect|timed out|too slow|Connection reset|Recv failure|unexpected disconnect|early EOF|hung up|RPC failed|Empty reply|returned error: (408|429|5[0-9][0-9])|SSL|TLS|certificate")]
    private static partial Regex Outage();
}
