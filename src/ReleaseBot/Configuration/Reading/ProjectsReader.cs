using System.Text;
using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

/// <summary>Reads the rules; names of registries and channels must be known by then.</summary>
internal sealed class ProjectsReader
{
    /// <summary>BuildKit takes no larger ones (session/secrets, MaxSecretSize).</summary>
    private const int LargestSecret = 500 * 1024;

    private static readonly UTF8Encoding StrictText = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly IReadOnlyDictionary<string, RegistrySettings> _registries;
    private readonly IReadOnlyDictionary<string, ChannelSettings> _channels;
    private readonly bool _isClassicBuilder;
    private readonly bool _hasToken;
    private readonly bool _readsSecretFiles;

    private ProjectsReader(
        SectionReader root, IReadOnlyDictionary<string, RegistrySettings> registries, IReadOnlyDictionary<string, ChannelSettings> channels, Roles roles)
    {
        _readsSecretFiles = roles.HasFlag(Roles.Worker);
        _registries = registries;
        _channels = channels;
        _isClassicBuilder = root.Section(EngineKeys.Node).Value(EngineKeys.Builder) == BuilderKind.Classic;
        _hasToken = root.Section(GitLabKeys.Node).IsGiven(GitLabKeys.Token);
    }

    public static IReadOnlyList<ProjectRule> Read(
        SectionReader root, IReadOnlyDictionary<string, RegistrySettings> registries, IReadOnlyDictionary<string, ChannelSettings> channels, Roles roles)
    {
        ProjectsReader reader = new(root, registries, channels, roles);
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
        var given = rule.Values(ProjectKeys.BuildSecrets);
        var files = rule.Values(ProjectKeys.BuildSecretFiles);
        CheckSecrets(rule, ProjectKeys.BuildSecrets, given);
        CheckSecrets(rule, ProjectKeys.BuildSecretFiles, files);
        var secrets = given.ToDictionary(secret => secret.Key, secret => secret.Value.Value, StringComparer.Ordinal);
        foreach (var (id, file) in files)
        {
            if (secrets.ContainsKey(id))
            {
                rule.Report(file.Key, $"\"{id}\" is in BuildSecrets too: give it in one of them.");
            }
            else if (_readsSecretFiles)
            {
                secrets[id] = ReadSecretFile(rule, file);
            }
        }

        return secrets;
    }

    private void CheckSecrets<T>(SectionReader rule, ValueMap<T> map, IReadOnlyDictionary<string, Located<T>> secrets)
        where T : notnull
    {
        foreach (var (id, secret) in secrets.Where(secret => !IsSecretId(secret.Key)))
        {
            rule.Report(secret.Key, $"\"{id}\" is no id of a build secret: letters, digits and . _ -.");
        }

        if (_isClassicBuilder && secrets.Count > 0)
        {
            rule.Report(map, "needs BuildKit, and Engine:Builder is Classic, which has no build secrets. Set Engine:Builder to Auto or BuildKit.");
        }
    }

    /// <summary>As it is, with its last line break too: a program in the build is to see the file that the operator wrote.</summary>
    private static Secret ReadSecretFile(SectionReader rule, Located<string> file)
    {
        try
        {
            if (new FileInfo(file.Value).Length is > 0 and <= LargestSecret)
            {
                return new Secret(StrictText.GetString(File.ReadAllBytes(file.Value)));
            }

            rule.Report(file.Key, $"{file.Value} must have from 1 to {LargestSecret} bytes.");
        }
        catch (DecoderFallbackException)
        {
            rule.Report(file.Key, $"{file.Value} is no text in UTF-8. Put what is binary there as base64, and decode it in the build.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            rule.Report(file.Key, File.Exists(file.Value)
                ? $"{file.Value} can't be read by this process."
                : $"{file.Value} does not exist or is no file. The worker role reads it when it starts.");
        }

        return new Secret("");
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
