using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

internal static class ProjectKeys
{
    public static readonly Setting<ProjectPathPattern> Path = new("Path", SettingTypes.ProjectPath,
        "The projects that the rule is for, by path_with_namespace. Case does not count.")
    { IsRequired = true };
    public static readonly ValueList<RefPattern> Tags = new("Tags", SettingTypes.RefName, "Tags to publish, by GitLab's own wildcards.") { Default = ["*"] };
    public static readonly ValueList<RefPattern> Branches = new("Branches", SettingTypes.RefName, "Branches to publish, by GitLab's own wildcards.");
    public static readonly Setting<bool> RequireProtected = new("RequireProtected", SettingTypes.Flag,
        "Publish only what GitLab protects; GitLab is asked, the delivery is not believed.")
    { Default = "true" };
    public static readonly Setting<string> Context = new("Context", SettingTypes.RelativePath, "The build context's folder in the repository.") { Default = "." };
    public static readonly Setting<string> Dockerfile = new("Dockerfile", SettingTypes.RelativePath, "Relative to the context.") { Default = "Dockerfile" };
    public static readonly Setting<string> Target = new("Target", SettingTypes.Text, "The stage to build; the last one where this is not given.");
    public static readonly ValueMap<Template> BuildArgs = new("BuildArgs", "ARG", SettingTypes.Template, "Build arguments. They show in the image: nothing secret here.");
    public static readonly ValueMap<Secret> BuildSecrets = new("BuildSecrets", "ID", SecretTypes.Any, "For `RUN --mount=type=secret,id=ID`. Needs BuildKit.");
    public static readonly ValueMap<string> BuildSecretFiles = new("BuildSecretFiles", "ID", SettingTypes.Text,
        "The same from a file, byte for byte, e.g. `/run/secrets/npmrc`. Read by the worker role; only its processes need to have the file.");
    public static readonly ValueList<string> Pull = new("Pull", SettingTypes.Text,
        "Names of registries whose credentials a build may use for private base images; other registries are asked anonymously.");
    public static readonly ValueList<string> Platforms = new("Platforms", SettingTypes.Platform, "The platform to build for: exactly one, for now.") { Default = ["linux/amd64"] };
    public static readonly Setting<TimeSpan> Timeout = new("Timeout",
        SettingTypes.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromDays(7)), "Of source and build together.")
    { Default = "01:00:00" };
    public static readonly SectionList Images = new("Images", ImageKeys.Node, "Where the image goes, and under which tags.") { MayBeEmpty = false };
    public static readonly Setting<OverwritePolicy> Overwrite = new("Overwrite", SettingTypes.Choice<OverwritePolicy>(),
        "Whether an existing version tag may get another digest.")
    { Default = nameof(OverwritePolicy.Refuse) };
    public static readonly SectionList Notify = new("Notify", NotifyKeys.Node, "Who is told of what.");
    public static readonly Setting<bool> CommitStatus = new("CommitStatus", SettingTypes.Flag, "Show the release as a status of its commit in GitLab.") { Default = "false" };
    public static readonly Setting<bool> GitLabRelease = new("GitLabRelease", SettingTypes.Flag, "Make a Release in GitLab for a published tag.") { Default = "false" };

    public static readonly Section Node = new("", "",
        Path, Tags, Branches, RequireProtected, Context, Dockerfile, Target, BuildArgs, BuildSecrets, BuildSecretFiles, Pull, Platforms, Timeout, Images,
        Overwrite, Notify, CommitStatus, GitLabRelease);
}

internal static class ImageKeys
{
    public static readonly Setting<string> Registry = new("Registry", SettingTypes.Text, "A name of `Registries`.") { IsRequired = true };
    public static readonly Setting<Template> Repository = new("Repository", SettingTypes.RepositoryTemplate, "The repository in that registry.") { IsRequired = true };
    public static readonly ValueList<Template> Tags = new("Tags", SettingTypes.TagTemplate,
        "Image tags. One whose names a ref can't fill is left out for that ref.")
    { MayBeEmpty = false };

    public static readonly Section Node = new("", "", Registry, Repository, Tags);
}

internal static class NotifyKeys
{
    public static readonly Setting<string> Channel = new("Channel", SettingTypes.Text, "A name of `Channels`.") { IsRequired = true };
    public static readonly ValueList<Outcome> On = new("On", SettingTypes.Choice<Outcome>(), "Which outcomes to tell.") { Default = Enum.GetNames<Outcome>(), MayBeEmpty = false };

    public static readonly Section Node = new("", "", Channel, On);
}
