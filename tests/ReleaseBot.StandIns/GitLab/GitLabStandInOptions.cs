using System.Security.Cryptography.X509Certificates;

namespace ReleaseBot.StandIns.GitLab;

public sealed record GitLabStandInOptions
{
    /// <summary>Where to listen, also below a path as <c>http://127.0.0.1:0/gitlab</c>. Port 0 takes a free one.</summary>
    public Uri Url { get; init; } = new("http://127.0.0.1:0");

    /// <summary>For an https URL.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>Holds the bare repositories. Null: a temporary folder that goes with the stand-in.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>The bot's token, with the scope <c>api</c>.</summary>
    public string Token { get; init; } = "glpat-stand-in-token-0123";

    /// <summary>A second token that may only read: writing with it is refused with insufficient_scope.</summary>
    public string? ReadOnlyToken { get; init; }

    /// <summary>People who may push with their own name and password.</summary>
    public IReadOnlyDictionary<string, string> Users { get; init; } = new Dictionary<string, string>();

    /// <summary>Before 19 hooks carry neither webhook-id nor webhook-timestamp nor a signature; before 17.4 no Idempotency-Key.</summary>
    public Version Version { get; init; } = new(19, 1, 0);

    /// <summary>Archives a minute for each project; GitLab.com's is 5. Null: none.</summary>
    public int? ArchiveLimitPerMinute { get; init; }

    /// <summary>API requests in each <see cref="RequestWindow"/>; a 304 counts as any other. Null: none, as a self-managed GitLab has it at first.</summary>
    public int? RequestLimit { get; init; }

    /// <summary>Whole seconds, counted from the epoch as Rack::Attack does.</summary>
    public TimeSpan RequestWindow { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether failing project and group hooks are disabled; off at first on a self-managed GitLab, on at GitLab.com.</summary>
    public bool DisablesFailingHooks { get; init; }

    /// <summary>More refs of one kind and action than this in one push, and no hook is fired for them.</summary>
    public int PushEventHooksLimit { get; init; } = 3;

    /// <summary>Whether a fetch may ask for a commit that no ref names. False also turns git's protocol v2 off, which allows it always.</summary>
    public bool AllowsShaWants { get; init; } = true;

    public TimeSpan HookTimeout { get; init; } = TimeSpan.FromSeconds(10);
}
