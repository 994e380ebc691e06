using ReleaseBot.GitLab;

namespace ReleaseBot.Web;

/// <summary>Which of GitLab's hooks are ours, and which of those it has disabled.</summary>
public static class HookAddress
{
    private const string Path = "/webhooks/gitlab";

    /// <summary>By PublicUrl where it is set; else any hook whose path ends as ours does.</summary>
    /// <param name="url">As GitLab shows it, with parts that may be masked.</param>
    public static bool IsOurs(string url, Uri? publicUrl)
    {
        var address = url.Split('?', '#')[0].TrimEnd('/');
        if (publicUrl is null)
        {
            return address.EndsWith(Path, StringComparison.Ordinal);
        }

        return Uri.TryCreate(address, UriKind.Absolute, out var hook)
            && Uri.Compare(hook, new Uri(publicUrl.AbsoluteUri.TrimEnd('/') + Path), UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;
    }

    /// <summary>An owner's hooks of ours that GitLab sends nothing to. Null where the token may not see them.</summary>
    public static async Task<IReadOnlyList<GitLabHook>?> DisabledAsync(GitLabClient gitLab, GitLabHookOwner owner, Uri? publicUrl, CancellationToken cancellationToken)
    {
        try
        {
            return await gitLab.ListHooksAsync(owner, cancellationToken)
                .Where(hook => hook.Alert != GitLabHookAlert.Executable && IsOurs(hook.Url, publicUrl))
                .ToListAsync(cancellationToken);
        }
        catch (GitLabException exception) when (exception.Fault is GitLabFault.Denied or GitLabFault.NotFound)
        {
            return null;
        }
    }

    /// <summary>As GitLab names it.</summary>
    public static string Text(GitLabHookAlert alert) => alert switch
    {
        GitLabHookAlert.Executable => "executable",
        GitLabHookAlert.TemporarilyDisabled => "temporarily_disabled",
        GitLabHookAlert.Disabled => "disabled",
        _ => throw new System.Diagnostics.UnreachableException(),
    };
}
