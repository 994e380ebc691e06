using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

internal static class GitLabKeys
{
    public static readonly Setting<Uri> Url = new("Url", SettingTypes.WebAddress, "GitLab's address, with its path where it lives below one.") { Default = "https://gitlab.com" };
    public static readonly Setting<Secret> Token = new("Token", SecretTypes.HeaderValue,
        "A token of GitLab's with the api scope; read_api and read_repository suffice without `CommitStatus` and `GitLabRelease`.");
    public static readonly Setting<string> CaFile = new("CaFile", SettingTypes.AuthorityFile, "A private certificate authority of GitLab's, as PEM.");

    public static readonly Section Node = new("GitLab", "The GitLab whose tags are published.", Url, Token, CaFile, WebhookKeys.Node);
}

internal static class WebhookKeys
{
    public static readonly ValueList<Secret> Secrets = new("Secrets", SecretTypes.Shared,
        "Legal values of a webhook's secret token (`X-Gitlab-Token`); several while one is rotated.");
    public static readonly ValueList<Secret> SigningTokens = new("SigningTokens", SecretTypes.SigningToken,
        "The webhook's signing tokens (GitLab 19); several while one is rotated.");
    public static readonly Setting<TimeSpan> ReplayWindow = new("ReplayWindow",
        SettingTypes.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)), "How old or how far ahead a signed delivery's time may be.")
    { Default = "00:05:00" };
    public static readonly Setting<long> MaxBodyBytes = new("MaxBodyBytes",
        SettingTypes.Size(1_024, 268_435_456), "A larger delivery is refused with 413. GitLab sends 25 MiB at the most.")
    { Default = "26214400" };

    public static readonly Section Node = new("Webhook", "What lets a delivery in. The web role needs a secret or a signing token.",
        Secrets, SigningTokens, ReplayWindow, MaxBodyBytes);
}

internal static class RegistryKeys
{
    public static readonly Setting<string> Host = new("Host", SettingTypes.RegistryHost,
        "The registry's host; Docker Hub's is docker.io (index.docker.io and registry-1.docker.io are taken for it).")
    { IsRequired = true };
    public static readonly Setting<string> Username = new("Username", SettingTypes.Text, "Together with `Password`; without both the registry is used anonymously.");
    public static readonly Setting<Secret> Password = new("Password", SecretTypes.Any, "The user's password or, better, an access token.");
    public static readonly Setting<bool> Insecure = new("Insecure", SettingTypes.Flag, "Plain HTTP. Legal for loopback hosts only.") { Default = "false" };
    public static readonly Setting<string> CaFile = new("CaFile", SettingTypes.AuthorityFile, "A private certificate authority of the registry's, as PEM. Only the worker role reads it.");
    public static readonly Setting<Uri> TokenRealm = new("TokenRealm", SettingTypes.WebAddress,
        "A token server that may be given the credentials, besides the registry's own host, GitLab's and Docker Hub's.");

    public static readonly Section Node = new("", "", Host, Username, Password, Insecure, CaFile, TokenRealm);
}

internal static class ChannelKeys
{
    public static readonly Setting<ChannelKind> Kind = new("Kind", SettingTypes.Choice<ChannelKind>(), "What the channel understands.") { IsRequired = true };
    public static readonly Setting<Secret> Url = new("Url", SecretTypes.WebAddress, "Where to post. A chat's hook URL is its credential, so it is a secret.") { IsRequired = true };
    public static readonly Setting<Secret> SigningToken = new("SigningToken", SecretTypes.SigningToken,
        "Signs each message to a channel of kind Webhook, as Standard Webhooks has it.");

    public static readonly Section Node = new("", "", Kind, Url, SigningToken);
}

internal static class EngineKeys
{
    public static readonly Setting<Uri> Endpoint = new("Endpoint", SettingTypes.EngineAddress, "The Docker engine that builds.") { Default = "unix:///var/run/docker.sock" };
    public static readonly Setting<string> CertificatePath = new("CertificatePath", SettingTypes.CertificateFolder,
        "A folder with ca.pem, cert.pem and key.pem, for an engine at tcp://… with TLS. Only the worker role reads it.");
    public static readonly Setting<BuilderKind> Builder = new("Builder", SettingTypes.Choice<BuilderKind>(),
        "Auto takes BuildKit where the engine has it, else the classic builder, which knows no `BuildSecrets`.")
    { Default = nameof(BuilderKind.Auto) };
    public static readonly Setting<int> Concurrency = new("Concurrency", SettingTypes.Number(1, 256), "Releases that a worker builds at the same time.") { Default = "2" };
    public static readonly Setting<long> CacheBudget = new("CacheBudget", SettingTypes.Size(1, long.MaxValue), "Build cache that the engine keeps.") { Default = "20GB" };
    public static readonly Setting<long> MinimumFree = new("MinimumFree", SettingTypes.Size(0, long.MaxValue),
        "What must be free on the engine's disk before a build begins, where the disk can be seen; else the release waits with `engine-full`.")
    { Default = "1GB" };
    public static readonly Setting<string> DiskPath = new("DiskPath", SettingTypes.ExistingFolder,
        "A folder on the engine's disk as this process sees it, for an engine at tcp://…. One behind a socket says itself where its data is. Only the worker role looks there.");

    public static readonly Section Node = new("Engine", "Where images are built. For the worker role.",
        Endpoint, CertificatePath, Builder, Concurrency, CacheBudget, MinimumFree, DiskPath);
}

internal static class StorageKeys
{
    public const string SqliteDefault = "Data Source=releasebot.db";

    public static readonly Setting<StorageProvider> Provider = new("Provider", SettingTypes.Choice<StorageProvider>(),
        "SQLite serves one process with both roles; several processes need Postgres.")
    { Default = nameof(StorageProvider.Sqlite) };
    public static readonly Setting<Secret> ConnectionString = new("ConnectionString", SecretTypes.ConnectionString,
        "Sqlite: `Data Source=FILE`. Postgres: `Host=…;Database=…;Username=…;Password=…`, and no default.")
    { Default = SqliteDefault };

    public static readonly Section Node = new("Storage", "The history: releases, deliveries, tags and logs.", Provider, ConnectionString);
}

internal static class BusKeys
{
    public static readonly Setting<BusTransport> Transport = new("Transport", SettingTypes.Choice<BusTransport>(),
        "What wakes workers. In memory serves one process with both roles.")
    { Default = nameof(BusTransport.InMemory) };
    public static readonly Setting<Secret> Uri = new("Uri", SecretTypes.BrokerAddress, "RabbitMQ's address; needed with RabbitMq, illegal without.");

    public static readonly Section Node = new("Bus", "Wake-ups between processes.", Transport, Uri);
}
