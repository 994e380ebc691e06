namespace ReleaseBot.Core;

/// <summary>The whole configuration, validated. Made once at start; see docs/configuration.md for the keys.</summary>
public sealed record ReleaseBotSettings
{
    /// <summary>Where people reach the pages, for links in messages; null leaves the links out.</summary>
    public Uri? PublicUrl { get; init; }
    public required GitLabSettings GitLab { get; init; }
    public required IReadOnlyDictionary<string, RegistrySettings> Registries { get; init; }
    public required IReadOnlyList<ProjectRule> Projects { get; init; }
    public required IReadOnlyDictionary<string, ChannelSettings> Channels { get; init; }
    public required EngineSettings Engine { get; init; }
    public required StorageSettings Storage { get; init; }
    public required BusSettings Bus { get; init; }
    public required AccessSettings Access { get; init; }
    public required PublishingSettings Publishing { get; init; }
    public required RetentionSettings Retention { get; init; }
    public required ReconcileSettings Reconcile { get; init; }
}

public sealed record GitLabSettings
{
    public Uri Url { get; init; } = new("https://gitlab.com");
    public Secret? Token { get; init; }
    public string? CaFile { get; init; }
    public WebhookSettings Webhook { get; init; } = new();
}

public sealed record WebhookSettings
{
    /// <summary>Legal values of <c>X-Gitlab-Token</c>.</summary>
    public IReadOnlyList<Secret> Secrets { get; init; } = [];

    /// <summary><c>whsec_</c> and the key in base64, as GitLab 19 hands it out.</summary>
    public IReadOnlyList<Secret> SigningTokens { get; init; } = [];
    public TimeSpan ReplayWindow { get; init; } = TimeSpan.FromMinutes(5);
    public int MaxBodyBytes { get; init; } = 26_214_400;
}

public sealed record RegistrySettings
{
    /// <summary>The key in the configuration, e.g. <c>dockerhub</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Host and optional port, e.g. <c>registry.example:5000</c>; Docker Hub's is <c>docker.io</c>.</summary>
    public required string Host { get; init; }
    public string? Username { get; init; }
    public Secret? Password { get; init; }

    /// <summary>Plain HTTP; legal for loopback hosts only.</summary>
    public bool Insecure { get; init; }
    public string? CaFile { get; init; }

    /// <summary>A bearer realm that may be trusted with the credentials besides the registry's own host, GitLab's and Docker Hub's.</summary>
    public Uri? TokenRealm { get; init; }
}

public enum ChannelKind
{
    Slack,
    Webhook,
}

public sealed record ChannelSettings
{
    public required string Name { get; init; }
    public required ChannelKind Kind { get; init; }

    /// <summary>Where to post. Secret, since a chat's hook URL is its credential.</summary>
    public required Secret Url { get; init; }

    /// <summary>Signs a <see cref="ChannelKind.Webhook"/> as Standard Webhooks: <c>whsec_</c> and base64.</summary>
    public Secret? SigningToken { get; init; }
}

public enum BuilderKind
{
    /// <summary>BuildKit where the engine has it, else the classic builder.</summary>
    Auto,
    BuildKit,
    Classic,
}

public sealed record EngineSettings
{
    /// <summary><c>unix:///var/run/docker.sock</c> or <c>tcp://dind:2376</c>.</summary>
    public Uri Endpoint { get; init; } = new("unix:///var/run/docker.sock");

    /// <summary>A folder with ca.pem, cert.pem and key.pem.</summary>
    public string? CertificatePath { get; init; }
    public BuilderKind Builder { get; init; } = BuilderKind.Auto;
    public int Concurrency { get; init; } = 2;

    /// <summary>Bytes of build cache that are kept.</summary>
    public long CacheBudget { get; init; } = 20_000_000_000;

    /// <summary>Bytes that must be free on the engine's disk before a build begins.</summary>
    public long MinimumFree { get; init; } = 1_000_000_000;

    /// <summary>Where this process sees the engine's disk; null for what a local engine says itself.</summary>
    public string? DiskPath { get; init; }
}

public enum StorageProvider
{
    Sqlite,
    Postgres,
}

public sealed record StorageSettings
{
    public StorageProvider Provider { get; init; } = StorageProvider.Sqlite;
    public Secret ConnectionString { get; init; } = new("Data Source=releasebot.db");
}

public enum BusTransport
{
    InMemory,
    RabbitMq,
}

public sealed record BusSettings
{
    public BusTransport Transport { get; init; } = BusTransport.InMemory;
    public Secret? Uri { get; init; }
}

public enum AccessScope
{
    Read,
    Operate,
}

public sealed record AccessToken(string Name, Secret Secret, IReadOnlySet<AccessScope> Scopes);

public sealed record AccessSettings
{
    public IReadOnlyList<AccessToken> Tokens { get; init; } = [];
    public bool AnonymousRead { get; init; }
}

public sealed record PublishingSettings
{
    /// <summary>How long a registry that is away is waited for.</summary>
    public TimeSpan GiveUpAfter { get; init; } = TimeSpan.FromHours(24);
    public bool RestoreVersions { get; init; }
}

public sealed record RetentionSettings
{
    public TimeSpan Logs { get; init; } = TimeSpan.FromDays(90);
    public TimeSpan Deliveries { get; init; } = TimeSpan.FromDays(30);
}

public sealed record ReconcileSettings
{
    public TimeSpan Interval { get; init; } = TimeSpan.FromMinutes(5);
}
