using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using ReleaseBot.Core;
using ReleaseBot.Parts;
using ReleaseBot.StandIns.Chat;

namespace ReleaseBot.Chaos;

/// <summary>What was promised, looked at from outside: the registries' disks, the API, the chat, the engines.</summary>
internal sealed partial class Verdict(
    World world, Fleet fleet, Traffic traffic, ITroubles troubles, TakeOvers takeOvers, TagWatcher watcher, IReadOnlyList<RegistryStore> registries, IReadOnlyList<ApiRelease> releases,
    string? logFolder)
{
    private const int Shown = 5;
    private int _failures;

    /// <summary>Prints a line for each promise. Returns whether all of them hold.</summary>
    public async Task<bool> LookAsync(Api api, CancellationToken cancellationToken)
    {
        Say("every protected tag has one release, and it is published", NotPublishedOnce());
        Say("every version has one digest, the same at all its places, and never had another", VersionsWithOtherDigests());
        Say("nothing that is not protected was published", Unprotected());
        Say("every floating tag is on the highest version", FloatingTagsAtTheEnd());
        Say("no floating tag was ever seen going back", FloatingTagsThatWentBack());
        Say("the branch's tag is on its last push, and every other one was published or superseded", BranchAtTheEnd());
        Say("no release is stuck", [.. releases.Where(release => !release.HasEnded).Select(Words)]);
        Say("every outcome was told once", NotToldOnce());
        Say("every log is whole", await CutLogsAsync(api, cancellationToken));
        Say("no container and no step is left on an engine", await LeftOnEnginesAsync(cancellationToken));
        foreach (var (promise, complaints) in troubles.Complaints)
        {
            Say(promise, [.. complaints]);
        }

        // The last of all: nobody answers after it.
        await Task.WhenAll(fleet.All.Select(bot => bot.StopAsync()));
        Say("no process ended by itself", [.. fleet.Deaths]);
        Say("each process drains at SIGTERM", [.. fleet.Complaints]);
        Say("no process printed a secret", Secrets());
        Say("GitLab was asked nothing that it does not know", [.. world.GitLab.UnexpectedRequests.Select(request => $"{request.Method} {request.Path}")]);
        return _failures == 0;
    }

    private IEnumerable<PushedTag> Protected => traffic.Pushed.Where(tag => tag.IsProtected);

    private List<string> NotPublishedOnce() =>
        [.. from tag in Protected
            let own = releases.Where(release => release.Project.Path == tag.Project && release.Ref.Name == tag.Name).ToList()
            where own is not [{ Status: "published" }]
            select own.Count == 0 ? $"{tag.Project} {tag.Name}: no release" : string.Join(" and ", own.Select(Words))];

    private List<string> VersionsWithOtherDigests() =>
        [.. from tag in Protected
            let places = Places.Of(tag.Project)
            let digests = places.SelectMany(place => registries[place.Registry].Ever(place.Repository, tag.Name)).ToList()
            where digests.Count != places.Count || digests.Distinct().Count() != 1
            select $"{tag.Project}:{tag.Name}: {(digests.Count == 0 ? "nowhere" : string.Join(", ", digests))}"];

    private List<string> Unprotected()
    {
        var names = traffic.Pushed.Where(tag => !tag.IsProtected).ToList();
        return
        [
            .. from tag in names from registry in registries where registry.Ever(tag.Project, tag.Name).Count > 0 select $"{tag.Project}:{tag.Name}",
            .. releases.Where(release => names.Exists(tag => tag.Project == release.Project.Path && tag.Name == release.Ref.Name) && release.Status != "rejected").Select(Words),
        ];
    }

    /// <summary>The ten lines that the whole of the tag logic has to agree with.</summary>
    private string? Highest(string project, string floating)
    {
        var scope = floating == "latest" ? "" : floating + ".";
        return Protected.Where(tag => tag.Project == project && !tag.Name.Contains('-') && tag.Name[1..].StartsWith(scope, StringComparison.Ordinal))
            .MaxBy(tag => Version(tag.Name[1..]))?.Name;
    }

    private List<string> FloatingTagsAtTheEnd() =>
        [.. from project in Protected.Select(tag => tag.Project).Distinct()
            from place in Places.Of(project)
            let registry = registries[place.Registry]
            from floating in Protected.Where(tag => tag.Project == project && !tag.Name.Contains('-')).SelectMany(tag => Scopes(tag.Name)).Distinct()
            let highest = Highest(project, floating)
            where registry.Current(place.Repository, floating) != registry.Current(place.Repository, highest!)
            select $"{place.Repository}:{floating} of registry {place.Registry + 1} is not {highest}"];

    private List<string> BranchAtTheEnd()
    {
        List<string> problems =
        [
            .. releases.Where(release => release.Project.Path == Places.Branched && release.Status is not ("published" or "superseded")).Select(Words),
        ];
        if (traffic.Branch.Count > 0)
        {
            problems.AddRange(
                from place in Places.Of(Places.Branched)
                let digest = registries[place.Registry].Current(place.Repository, Places.BranchTag)
                where digest is null || digest != registries[place.Registry].Current(place.Repository, traffic.Branch[^1])
                select $"{place.Repository}:{Places.BranchTag} of registry {place.Registry + 1} is {digest ?? "nowhere"}, and the last push {traffic.Branch[^1]} is not");
        }

        return problems;
    }

    private List<string> FloatingTagsThatWentBack()
    {
        var problems = new List<string>();
        foreach (var ((registry, repository, floating), digests) in watcher.Seen)
        {
            var versions = digests.ConvertAll(digest => VersionOf(registries[registry], repository, digest));
            if (versions.Contains(null))
            {
                problems.Add($"{repository}:{floating} was on an image that has no version");
            }
            else if (versions.Zip(versions.Skip(1)).Any(pair => pair.Second!.CompareTo(pair.First!) < 0))
            {
                problems.Add($"{repository}:{floating} of registry {registry + 1} went {string.Join(", ", versions)}");
            }
        }

        return problems;
    }

    private SemanticVersion? VersionOf(RegistryStore registry, string repository, string digest) =>
        Protected.Where(tag => Places.Of(tag.Project).Any(place => place.Repository == repository) && registry.Current(repository, tag.Name) == digest)
            .Select(tag => Version(tag.Name[1..])).FirstOrDefault();

    /// <summary>
    /// A rejected release is judged again by the other hook's delivery if that comes later, and each attempt has an outcome, the last the
    /// release's own. A receiver of Standard Webhooks knows a message by its webhook-id, and takes no notice of one that comes again.
    /// </summary>
    private List<string> NotToldOnce()
    {
        var all = world.Chat.Taken.Where(message => message.Kind == ChatKind.Webhook).Select(Read).ToList();
        var told = all.DistinctBy(message => message.Id).ToLookup(message => message.Release);
        if (all.Count > told.Sum(release => release.Count()))
        {
            Console.WriteLine($"      {all.Count - told.Sum(release => release.Count())} messages came again, under their own ids");
        }

        return
        [
            .. releases.Where(release => release.HasEnded && release.Status != "superseded" && !IsTold(release, [.. told[release.Id].Select(message => message.Type)]))
                .Select(release => $"{Words(release)}: told {told[release.Id].Count()} times ({string.Join(", ", told[release.Id].Select(message => message.Type))})"),
        ];
    }

    private static bool IsTold(ApiRelease release, IReadOnlyList<string> types) =>
        types.Count == release.Attempt
        && (types.Contains($"release.{release.Status}") || release is { Status: "published", Attempt: > 1 } && types.Contains("release.recovered"));

    private static (string Id, Guid Release, string Type) Read(ChatMessage message)
    {
        using var body = JsonDocument.Parse(message.Body);
        return (message.Headers["webhook-id"], body.RootElement.GetProperty("data").GetProperty("id").GetGuid(), body.RootElement.GetProperty("type").GetString()!);
    }

    /// <summary>
    /// What a step printed is written by the worker that ran it. If that one was dead or stood still when the step ended, nobody has heard it, and the
    /// next attempt finds the step in the engine's cache: such a log says so, and is counted apart.
    /// </summary>
    private async Task<IReadOnlyList<string>> CutLogsAsync(Api api, CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        var unheard = 0;
        foreach (var release in releases.Where(release => release.Status == "published"))
        {
            var log = await api.LogAsync(release.Id, cancellationToken);
            var lines = NumberedLine().Matches(log).Select(match => int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)).ToHashSet();
            var expected = traffic.LinesOf(release.Project.Path, release.Ref.Name);
            if (lines.Count < expected && log.Contains("CACHED", StringComparison.Ordinal) && log.TrimEnd().EndsWith("published", StringComparison.Ordinal) && WasTakenOver(release.Id))
            {
                unheard++;
            }
            else if (lines.Count != expected || !log.Contains("published", StringComparison.Ordinal))
            {
                KeepLog(release.Id, log);
                problems.Add($"{Words(release)}: {lines.Count} of {expected} lines of its own; it ends: {Tail(log)}");
            }
        }

        if (unheard > 0)
        {
            Console.WriteLine($"      {unheard} builds were taken over from a worker that was dead or stood still when their step ended; what it printed is lost");
        }

        return problems;
    }

    private void KeepLog(Guid release, string log)
    {
        if (logFolder is not null)
        {
            Directory.CreateDirectory(logFolder);
            File.WriteAllText(Path.Combine(logFolder, $"release-{release}.log"), log);
        }
    }

    /// <summary>By the harness's own kills, and by what a worker said that woke up too late.</summary>
    private bool WasTakenOver(Guid release) =>
        takeOvers.WasOrphaned(release)
        || fleet.Workers.Any(bot => bot.Output.Contains($"The lease of release {release} could not be kept", StringComparison.Ordinal)
            || bot.Output.Contains($"{release} was taken over by another worker", StringComparison.Ordinal));

    private async Task<IReadOnlyList<string>> LeftOnEnginesAsync(CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        foreach (var engine in world.Engines.Select(engine => engine.Daemon))
        {
            var containers = await engine.GetAsync("containers/json?all=1", cancellationToken);
            if (containers.GetArrayLength() > 0 || engine.RunningSteps().Count > 0)
            {
                problems.Add($"{engine.Folder}: {containers.GetArrayLength()} containers, {engine.RunningSteps().Count} processes");
            }
        }

        return problems;
    }

    private List<string> Secrets()
    {
        string[] secrets = [fleet.SigningToken, fleet.AccessToken, world.GitLab.Options.Token, world.Chat.SigningToken, world.Chat.WebhookUrl.AbsolutePath, DockerRegistry.Password];
        return [.. from bot in fleet.All from secret in secrets where bot.Output.Contains(secret, StringComparison.Ordinal) select $"{bot.Name}: {secret[..4]}…"];
    }

    private void Say(string promise, IReadOnlyList<string> problems)
    {
        Console.WriteLine(problems.Count == 0 ? $"    ✓ {promise}" : $"    ✗ {promise}: not so {problems.Count} times");
        foreach (var problem in problems.Take(Shown))
        {
            Console.WriteLine($"        {problem}");
        }

        _failures += problems.Count == 0 ? 0 : 1;
    }

    private static IEnumerable<string> Scopes(string tag)
    {
        var version = Version(tag[1..]);
        yield return "latest";
        yield return string.Create(CultureInfo.InvariantCulture, $"{version.Major}.{version.Minor}");
        // A major of 0 promises nothing.
        if (version.Major > 0)
        {
            yield return version.Major.ToString(CultureInfo.InvariantCulture);
        }
    }

    private static SemanticVersion Version(string text) =>
        SemanticVersion.TryParse(text, out var version) ? version : throw new ArgumentException($"{text} is no version.");

    private static string Words(ApiRelease release) => $"{release.Project.Path} {release.Ref.Name} {release.Status} {release.Reason?.Code} ({release.Id})";

    internal static string Tail(string text) => text.Length > 400 ? text[^400..] : text;

    [GeneratedRegex("line ([0-9]+) of its own", RegexOptions.CultureInvariant)]
    private static partial Regex NumberedLine();
}
