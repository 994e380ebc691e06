namespace ReleaseBot.Core;

/// <summary>Decides, from facts alone, what a ref publishes. Every "no" is a <see cref="Reason"/>.</summary>
public static class ReleasePlanner
{
    /// <summary>First match wins, as the configuration says.</summary>
    public static ProjectRule? RuleFor(string projectPath, IEnumerable<ProjectRule> rules) =>
        rules.FirstOrDefault(rule => rule.Path.Matches(projectPath));

    /// <summary>Whether an event is worth asking GitLab about.</summary>
    public static HookDecision Judge(RefEvent happened, IEnumerable<ProjectRule> rules)
    {
        if (RuleFor(happened.ProjectPath, rules) is not { } rule)
        {
            return Ignore(ReasonCode.NoMatchingProject, $"No entry of Projects matches {happened.ProjectPath}.");
        }

        if (happened.IsDeleted)
        {
            return Ignore(ReasonCode.RefDeleted, $"{happened.Ref.FullName} was deleted; published images stay.");
        }

        return Matches(happened.Ref, rule)
            ? new HookDecision.Accept(rule)
            : Ignore(ReasonCode.RefNotMatched, NotMatched(happened.Ref, rule));
    }

    /// <summary>Whether what GitLab says of the ref lets the release go on; null if it does.</summary>
    /// <param name="expected">The object that the ref pointed to when the release was accepted.</param>
    /// <param name="actual">What GitLab says now; null if there is no such ref.</param>
    public static Reason? Verify(GitRef gitRef, ObjectId expected, VerifiedRef? actual, ProjectRule rule)
    {
        if (actual is null)
        {
            return new Reason(ReasonCode.RefGone, $"GitLab knows no {gitRef.FullName}; it was deleted, or the token may not see it.");
        }

        if (actual.Target != expected)
        {
            return new Reason(ReasonCode.RefMoved, $"{gitRef.FullName} was {expected.Short} when it was announced and is {actual.Target.Short} now.");
        }

        if (rule.RequireProtected && !actual.IsProtected)
        {
            var kind = gitRef.Kind == RefKind.Tag ? "tag" : "branch";
            return new Reason(ReasonCode.RefNotProtected,
                $"The {kind} {gitRef.Name} is not protected in GitLab. Protect it (Settings > Repository > Protected {(kind == "tag" ? "tags" : "branches")}) and send the hook again or retry the release.");
        }

        return null;
    }

    /// <summary>What the ref publishes, tag by tag.</summary>
    public static PlanResult Plan(ProjectRule rule, string projectPath, GitRef gitRef, ObjectId commit, DateTimeOffset committedAt)
    {
        var facts = new TemplateFacts
        {
            Ref = gitRef,
            Commit = commit,
            CommittedAt = committedAt,
            ProjectPath = projectPath,
            Version = gitRef.Kind == RefKind.Tag && SemanticVersion.TryParseTag(gitRef.Name, out var version) ? version : null,
        };
        var draft = new Draft(facts);
        foreach (var image in rule.Images)
        {
            if (draft.Add(image) is { } refusal)
            {
                return new PlanResult.Refused(refusal);
            }
        }

        if (draft.Images.Count == 0)
        {
            return new PlanResult.Refused(new Reason(ReasonCode.NothingToPublish,
                $"No tag entry has a value for {gitRef.FullName}: {string.Join("; ", draft.Skipped.Select(tag => $"{tag.Template} ({tag.Why})"))}."));
        }

        var buildArgs = rule.BuildArgs
            .Select(pair => (pair.Key, Value: pair.Value.Expand(facts, out _)))
            .Where(pair => pair.Value is not null)
            .ToDictionary(pair => pair.Key, pair => pair.Value!, StringComparer.Ordinal);
        return new PlanResult.Planned(new ReleasePlan(facts.Version, draft.Images, draft.Skipped, buildArgs));
    }

    private static bool Matches(GitRef gitRef, ProjectRule rule) =>
        (gitRef.Kind == RefKind.Tag ? rule.Tags : rule.Branches).Any(pattern => pattern.Matches(gitRef.Name));

    private static string NotMatched(GitRef gitRef, ProjectRule rule)
    {
        var (list, patterns) = gitRef.Kind == RefKind.Tag ? ("Tags", rule.Tags) : ("Branches", rule.Branches);
        return patterns.Count == 0
            ? $"The rule for {rule.Path} publishes no {list.ToLowerInvariant()}."
            : $"{gitRef.Name} matches none of the rule's {list}: {string.Join(", ", patterns)}.";
    }

    private static HookDecision.Ignore Ignore(ReasonCode code, string message) => new(new Reason(code, message));

    /// <summary>The plan as it grows, image rule by image rule.</summary>
    private sealed class Draft(TemplateFacts facts)
    {
        public List<PlannedImage> Images { get; } = [];

        public List<SkippedTag> Skipped { get; } = [];

        /// <returns>Why the release can't be published at all, or null.</returns>
        public Reason? Add(ImageRule rule)
        {
            var name = rule.Repository.Expand(facts, out var missing);
            if (name is null)
            {
                return new Reason(ReasonCode.RepositoryInvalid, $"The repository \"{rule.Repository}\" needs {{{missing}}}, which {facts.Ref.FullName} does not have.");
            }

            name = name.ToLowerInvariant();
            if (!ImageRepository.IsLegalName(name))
            {
                return new Reason(ReasonCode.RepositoryInvalid,
                    $"\"{Shorten(name)}\" is no legal repository name: lower-case letters and digits, joined by '.', '_', '__' or dashes, in {ImageRepository.MaxNameLength} characters.");
            }

            var repository = new ImageRepository(rule.Host, name);
            foreach (var tag in rule.Tags)
            {
                if (AddTag(rule.Registry, repository, tag) is { } refusal)
                {
                    return refusal;
                }
            }

            return EnsureFixedName(rule.Registry, repository);
        }

        private Reason? AddTag(string registry, ImageRepository repository, Template template)
        {
            if (WhyLeftOut(template) is { } why)
            {
                Skipped.Add(new SkippedTag(registry, template.Text, why));
                return null;
            }

            var value = template.Expand(facts, out var missing);
            if (value is null)
            {
                Skipped.Add(new SkippedTag(registry, template.Text, $"{facts.Ref.FullName} has no {{{missing}}}"));
                return null;
            }

            var tag = ImageTag.Legalise(value);
            if (!ImageTag.IsLegal(tag))
            {
                return new Reason(ReasonCode.TagInvalid,
                    $"\"{template}\" makes \"{Shorten(tag)}\", which is no legal image tag: {ImageTag.MaxLength} characters at the most.");
            }

            return Append(registry, repository.WithTag(tag), KindOf(template), template);
        }

        private Reason? Append(string registry, ImageRef image, ImageTagKind kind, Template template)
        {
            if (Images.Find(planned => planned.Image == image) is { } earlier)
            {
                return earlier.Kind == kind
                    ? null
                    : new Reason(ReasonCode.TagTaken, $"{image} would be both a {earlier.Kind.ToText()} and a {kind.ToText()} tag; rename {facts.Ref.FullName} or change the rule's tags.");
            }

            Images.Add(new PlannedImage(registry, image, kind, kind == ImageTagKind.Floating ? ScopeOf(template) : null));
            return null;
        }

        /// <summary>
        /// A tag release that would have floating tags alone gets the ref's name as a version tag, so that its image has a name that stays. Not the
        /// commit: a release candidate and the version that comes of it are two refs at one commit, and a name belongs to one ref.
        /// </summary>
        private Reason? EnsureFixedName(string registry, ImageRepository repository)
        {
            var planned = Images.FindAll(image => image.Image.Repository == repository);
            return planned.Count > 0 && planned.TrueForAll(image => image.Kind == ImageTagKind.Floating)
                ? AddTag(registry, repository, RefTag)
                : null;
        }

        private static Template RefTag { get; } = Template.Parse("{tag}");

        private string? WhyLeftOut(Template template)
        {
            if (KindOf(template) != ImageTagKind.Floating)
            {
                return template.IsWholeNumberOnly && facts.Version is { IsStable: false }
                    ? $"{facts.Version} is a pre-release, and this is the final version's tag"
                    : null;
            }

            if (template.Uses("prerelease"))
            {
                return "a pre-release moves no floating tag";
            }

            return template.Uses("major") && !template.Uses("minor") && facts.Version is { } version && version.Major.IsZero
                ? "0.x makes no promise of compatibility"
                : null;
        }

        private ImageTagKind KindOf(Template template)
        {
            if (template.CarriesWholeVersion(facts.Ref.Kind))
            {
                return ImageTagKind.Version;
            }

            return facts.Ref.Kind == RefKind.Tag ? ImageTagKind.Floating : ImageTagKind.Branch;
        }

        private FloatingScope ScopeOf(Template template) => new(
            template.Uses("major") ? facts.Version?.Major : null,
            template.Uses("minor") ? facts.Version?.Minor : null,
            template.Uses("patch") ? facts.Version?.Patch : null);

        private static string Shorten(string text) => text.Length <= 60 ? text : text[..60] + "…";
    }
}
