using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

/// <summary>Turns the merged configuration into settings that can be relied on, or tells everything that is wrong with it.</summary>
internal static class SettingsReader
{
    /// <summary>The settings, or null and every problem at once, in the order of the keys.</summary>
    /// <param name="roles">What the process is going to do; some combinations need more than others.</param>
    public static (ReleaseBotSettings? Settings, IReadOnlyList<ConfigurationProblem> Problems) Read(MergedConfiguration configuration, Roles roles)
    {
        var tree = ConfigurationNode.Tree(configuration.Values);
        List<ConfigurationProblem> problems = [];
        ShapeCheck.Check(tree, problems);
        SectionReader root = new(tree, "", new ReadingContext(configuration.ReplacedLists, problems));

        _ = root.Value(SettingsSchema.Urls);
        var registries = RegistriesReader.Read(root, roles);
        var channels = ReadChannels(root, roles);
        ReleaseBotSettings settings = new()
        {
            PublicUrl = root.Value(SettingsSchema.PublicUrl),
            GitLab = ReadGitLab(root, roles),
            Registries = registries,
            Channels = channels,
            Projects = ProjectsReader.Read(root, registries, channels, roles),
            Engine = ReadEngine(root.Section(EngineKeys.Node), isNeeded: roles.HasFlag(Roles.Worker)),
            Storage = StorageReader.ReadStorage(root.Section(StorageKeys.Node), roles),
            Bus = StorageReader.ReadBus(root.Section(BusKeys.Node), roles),
            Access = AccessReader.Read(root.Section(AccessKeys.Node)),
            Publishing = ReadPublishing(root.Section(PublishingKeys.Node)),
            Retention = ReadRetention(root.Section(RetentionKeys.Node)),
            Reconcile = new ReconcileSettings { Interval = root.Section(ReconcileKeys.Node).Value(ReconcileKeys.Interval) },
        };
        CheckWebhook(root, roles);

        return problems.Count == 0
            ? (settings, problems)
            : (null, [.. problems.Distinct().OrderBy(problem => problem.Key, StringComparer.OrdinalIgnoreCase)]);
    }

    private static GitLabSettings ReadGitLab(SectionReader root, Roles roles)
    {
        var gitLab = root.Section(GitLabKeys.Node);
        var webhook = gitLab.Section(WebhookKeys.Node);
        return new GitLabSettings
        {
            Url = gitLab.Value(GitLabKeys.Url)!,
            Token = gitLab.Value(GitLabKeys.Token),
            CaFile = gitLab.Value(GitLabKeys.CaFile, isNeeded: roles != Roles.None),
            Webhook = new WebhookSettings
            {
                Secrets = [.. webhook.Values(WebhookKeys.Secrets).Select(secret => secret.Value)],
                SigningTokens = [.. webhook.Values(WebhookKeys.SigningTokens).Select(token => token.Value)],
                ReplayWindow = webhook.Value(WebhookKeys.ReplayWindow),
                MaxBodyBytes = (int)webhook.Value(WebhookKeys.MaxBodyBytes),
            },
        };
    }

    /// <summary>A web role that lets everybody's deliveries in, or nobody's, is never what was meant.</summary>
    private static void CheckWebhook(SectionReader root, Roles roles)
    {
        var webhook = root.Section(GitLabKeys.Node).Section(WebhookKeys.Node);
        if (roles.HasFlag(Roles.Web) && (webhook.GivenEntries(WebhookKeys.Secrets) ?? 0) + (webhook.GivenEntries(WebhookKeys.SigningTokens) ?? 0) == 0)
        {
            webhook.ReportAbsence(WebhookKeys.Secrets,
                $"or {webhook.KeyOf(WebhookKeys.SigningTokens)} must have an entry: without a secret the web role can't tell GitLab's deliveries from anybody's, so it does not start. Make one with \"openssl rand -hex 32\" and enter it in GitLab's webhook too.");
        }
    }

    /// <summary>A process without the web role tells nobody: it need not know a channel's address, only that there is such a channel.</summary>
    private static Dictionary<string, ChannelSettings> ReadChannels(SectionReader root, Roles roles)
    {
        Dictionary<string, ChannelSettings> channels = new(ConfigurationKey.Comparer);
        foreach (var (name, reader) in root.Sections(SettingsSchema.Channels))
        {
            var signingToken = reader.Value(ChannelKeys.SigningToken);
            if (reader.TryValue(ChannelKeys.Kind, out var kind) && kind != ChannelKind.Webhook && signingToken is not null)
            {
                reader.Report(ChannelKeys.SigningToken, "is for channels of kind Webhook only.");
            }

            var url = roles.HasFlag(Roles.Web) || reader.IsGiven(ChannelKeys.Url) ? reader.Value(ChannelKeys.Url) : null;
            channels[name] = new ChannelSettings { Name = name, Kind = kind, Url = url ?? new Secret(""), SigningToken = signingToken };
        }

        return channels;
    }

    /// <param name="isNeeded">Only the worker role reaches the engine: no other process has to have its certificates or see its disk.</param>
    private static EngineSettings ReadEngine(SectionReader engine, bool isNeeded)
    {
        var isTcp = engine.TryValue(EngineKeys.Endpoint, out var endpoint) && endpoint.Scheme == "tcp";
        var certificates = engine.Value(EngineKeys.CertificatePath, isNeeded && isTcp);
        if (endpoint is not null && !isTcp && certificates is not null)
        {
            engine.Report(EngineKeys.CertificatePath, $"is for an engine at tcp://…, and {engine.KeyOf(EngineKeys.Endpoint)} is a socket.");
        }

        return new EngineSettings
        {
            Endpoint = endpoint!,
            CertificatePath = certificates,
            Builder = engine.Value(EngineKeys.Builder),
            Concurrency = engine.Value(EngineKeys.Concurrency),
            CacheBudget = engine.Value(EngineKeys.CacheBudget),
            MinimumFree = engine.Value(EngineKeys.MinimumFree),
            DiskPath = engine.Value(EngineKeys.DiskPath, isNeeded),
        };
    }

    private static PublishingSettings ReadPublishing(SectionReader publishing) => new()
    {
        GiveUpAfter = publishing.Value(PublishingKeys.GiveUpAfter),
        RestoreVersions = publishing.Value(PublishingKeys.RestoreVersions),
    };

    private static RetentionSettings ReadRetention(SectionReader retention) => new()
    {
        Logs = retention.Value(RetentionKeys.Logs),
        Deliveries = retention.Value(RetentionKeys.Deliveries),
    };
}
