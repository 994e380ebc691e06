using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

/// <summary>Reads the rules; names of registries and channels must be known by then.</summary>
internal sealed class ProjectsReader
{
    private readonly IReadOnlyDictionary<string, RegistrySettings> _registries;
    private readonly IReadOnlyDictionary<string, ChannelSettings> _channels;
    private readonly bool _isClassicBuilder;
    private readonly bool _hasToken;

    private ProjectsReader(SectionReader root, IReadOnlyDictionary<string, RegistrySettings> registries, IReadOnlyDictionary<string, ChannelSettings> channels)
    {
        _registries = registries;
        _channels = channels;
        _isClassicBuilder = root.Section(EngineKeys.Node).Value(EngineKeys.Builder) == BuilderKind.Classic;
        _hasToken = root.Section(GitLabKeys.Node).IsGiven(GitLabKeys.Token);
    }

    public static IReadOnlyList<ProjectRule> Read(
        SectionReader root, IReadOnlyDictionary<string, RegistrySettings> registries, IReadOnlyDictionary<string, ChannelSettings> channels)
    {
        ProjectsReader reader = new(root, registries, channels);
        return [.. root.Sections(SettingsSchema.Projects).Select(reader.ReadRule)];
    }

    private ProjectRule ReadRule(SectionReader rule)
    {
        CheckWriteBack(rule, ProjectKeys.CommitStatus);
        CheckWriteBack(rule, ProjectKeys.GitLabRelease);
        return new ProjectRule
        {
            Path = rule.Value(ProjectKeys.Path)!,
            Tags = [.. rule.Values(ProjectKeys.Tags).Select(tag => tag.Value)],
            Branches = [.. rule.Values(ProjectKeys.Branches).Select(branch => branch.Value)],
            RequireProtected = rule.Value(ProjectKeys.RequireProtected),
            Context = rule.Value(ProjectKeys.Context)!,
            Dockerfile = rule.Value(ProjectKeys.Dockerfile)!,
            Target = rule.Value(ProjectKeys.Target),
            BuildArgs = ReadBuildArgs(rule),
            BuildSecrets = ReadBuildSecrets(rule),
            Pull = [.. rule.Values(ProjectKeys.Pull).Select(ReadRegistry).OfType<RegistrySettings>().Select(registry => registry.Name)],
            Platform = ReadPlatform(rule),
            Timeout = rule.Value(ProjectKeys.Timeout),
            Images = [.. rule.Sections(ProjectKeys.Images).Select(ReadImage)],
            Overwrite = rule.Value(ProjectKeys.Overwrite),
            Notify = [.. rule.Sections(ProjectKeys.Notify).Select(ReadNotify)],
            CommitStatus = rule.Value(ProjectKeys.CommitStatus),
            GitLabRelease = rule.Value(ProjectKeys.GitLabRelease),
        };

        RegistrySettings? ReadRegistry(Located<string> name) => FindRegistry(rule, name);
    }

    private static Dictionary<string, Template> ReadBuildArgs(SectionReader rule)
    {
        var args = rule.Values(ProjectKeys.BuildArgs);
        foreach (var (name, arg) in args.Where(arg => !IsArgumentName(arg.Key)))
        {
            rule.Report(arg.Key, $"\"{name}\" is no name of a build argument: letters, digits and _, no digit first.");
        }

        return args.ToDictionary(arg => arg.Key, arg => arg.Value.Value, StringComparer.Ordinal);
    }

    private Dictionary<string, Secret> ReadBuildSecrets(SectionReader rule)
    {
        var secrets = rule.Values(ProjectKeys.BuildSecrets);
        foreach (var (id, secret) in secrets.Where(secret => !IsSecretId(secret.Key)))
        {
            rule.Report(secret.Key, $"\"{id}\" is no id of a build secret: letters, digits and . _ -.");
        }

        if (_isClassicBuilder && secrets.Count > 0)
        {
            rule.Report(ProjectKeys.BuildSecrets, "needs BuildKit, and Engine:Builder is Classic, which has no build secrets. Set Engine:Builder to Auto or BuildKit.");
        }

        return secrets.ToDictionary(secret => secret.Key, secret => secret.Value.Value, StringComparer.Ordinal);
    }

    private static string ReadPlatform(SectionReader rule)
    {
        var platforms = rule.Values(ProjectKeys.Platforms);
        if (rule.GivenEntries(ProjectKeys.Platforms) is { } count and not 1)
        {
            rule.Report(ProjectKeys.Platforms, $"must have exactly one entry for now; it has {count}.");
        }

        return platforms is [var platform, ..] ? platform.Value : "";
    }

    private ImageRule ReadImage(SectionReader image)
    {
        var registry = image.TryValue(ImageKeys.Registry, out var name)
            ? FindRegistry(image, new Located<string>(image.KeyOf(ImageKeys.Registry), name))
            : null;
        return new ImageRule(
            registry?.Name ?? "",
            registry?.Host ?? "",
            image.Value(ImageKeys.Repository)!,
            [.. image.Values(ImageKeys.Tags).Select(tag => tag.Value)]);
    }

    private NotifyRule ReadNotify(SectionReader notify)
    {
        var on = notify.Values(NotifyKeys.On).Select(outcome => outcome.Value).ToHashSet();
        if (!notify.TryValue(NotifyKeys.Channel, out var name))
        {
            return new NotifyRule("", on);
        }

        if (!_channels.TryGetValue(name, out var channel))
        {
            notify.Report(NotifyKeys.Channel, Unknown(name, "channel", "Channels", _channels.Keys));
        }

        return new NotifyRule(channel?.Name ?? "", on);
    }

    private RegistrySettings? FindRegistry(SectionReader reader, Located<string> name)
    {
        if (!_registries.TryGetValue(name.Value, out var registry))
        {
            reader.Report(name.Key, Unknown(name.Value, "registry", "Registries", _registries.Keys));
        }

        return registry;
    }

    private void CheckWriteBack(SectionReader rule, Setting<bool> setting)
    {
        if (rule.Value(setting) && !_hasToken)
        {
            rule.Report(setting, "writes to GitLab, which needs GitLab:Token with the api scope.");
        }
    }

    private static string Unknown(string name, string kind, string section, IEnumerable<string> known)
    {
        var names = known.ToList();
        var nearest = NearestName.Find(name, names) is { } near ? $" Did you mean {near}?" : "";
        return names.Count == 0
            ? $"\"{name}\" names no {kind}: {section} is empty."
            : $"\"{name}\" names no {kind}.{nearest} Legal are the names in {section}: {string.Join(", ", names)}.";
    }

    private static bool IsArgumentName(string name) => name.Length > 0 && !char.IsAsciiDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    private static bool IsSecretId(string id) => id.Length > 0 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');
}
