namespace ReleaseBot.Configuration;

/// <summary>What a process does.</summary>
[Flags]
internal enum Roles
{
    /// <summary>Neither: a command that looks at the configuration only. No rule about roles applies.</summary>
    None = 0,

    /// <summary>Takes webhooks in, verifies, dispatches, serves the API and the dashboard.</summary>
    Web = 1,

    /// <summary>Claims releases, builds and pushes them.</summary>
    Worker = 2,
    All = Web | Worker,
}
