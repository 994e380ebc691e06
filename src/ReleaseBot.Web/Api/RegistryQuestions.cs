using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>Asks the registries what a plan has to know of them: side by side, and within a time that a caller will wait for.</summary>
/// <param name="registries">Null where this process has no access to them.</param>
internal sealed class RegistryQuestions(TimeProvider time, IRegistryReader? registries = null)
{
    private const string LastLook = "registryDigest is what a worker last saw, at registryAskedAt";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <param name="known">What the tags may be on without more being asked of it; see <see cref="TagForecast.KnownDigestsAsync"/>.</param>
    /// <returns>What they answered, and a sentence about who did not.</returns>
    public async Task<(RegistryFacts Facts, string Note)> AskAsync(
        IReadOnlyList<PlannedImage> images, IReadOnlyDictionary<ImageRef, IReadOnlyCollection<Digest>> known, CancellationToken cancellationToken)
    {
        if (registries is null)
        {
            return (RegistryFacts.None, $"By history alone: the registries were not asked, so a tag that somebody else put there is not seen here. {LastLook}.");
        }

        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var answers = await Task.WhenAll(images.GroupBy(image => image.Image.Repository.Host).Select(host => AskAsync(registries, host.Key, [.. host], known, either.Token, cancellationToken)));
        var facts = new RegistryFacts(
            answers.SelectMany(answer => answer.Tags).ToDictionary(), answers.SelectMany(answer => answer.Listed).ToDictionary());
        var silent = answers.Select(answer => answer.Silence?.TrimEnd('.')).OfType<string>().ToList();
        return (facts, silent.Count == 0
            ? "By history, and what the registries say now."
            : $"By history, and what the registries say now, less what was not answered: {string.Join("; ", silent)}. There {LastLook}.");
    }

    /// <summary>One registry. What it answered counts, also where it then falls silent; after that it is not asked on.</summary>
    private async Task<Answers> AskAsync(
        IRegistryReader registry, string host, IReadOnlyList<PlannedImage> images, IReadOnlyDictionary<ImageRef, IReadOnlyCollection<Digest>> known,
        CancellationToken limited, CancellationToken cancellationToken)
    {
        var answers = new Answers();
        try
        {
            foreach (var image in images)
            {
                var (digest, imageId) = image.Kind == ImageTagKind.Version
                    ? await registry.ImageAsync(image.Image, known.GetValueOrDefault(image.Image, []), limited)
                    : (await registry.DigestAsync(image.Image, limited), null);
                answers.Tags[image.Image] = new RegistryAnswer(time.GetUtcNow(), digest, imageId);
            }

            // What stands there counts for floating tags, whoever put it.
            foreach (var repository in images.Where(image => image.Kind == ImageTagKind.Floating).Select(image => image.Image.Repository).Distinct())
            {
                answers.Listed[repository] = await registry.TagsAsync(repository, limited);
            }
        }
        catch (RegistryReadException exception)
        {
            answers.Silence = exception.Message;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            answers.Silence = $"{host} did not answer within {Limit.TotalSeconds:F0} s";
        }

        return answers;
    }

    private sealed class Answers
    {
        public Dictionary<ImageRef, RegistryAnswer> Tags { get; } = [];

        public Dictionary<ImageRepository, IReadOnlyList<string>> Listed { get; } = [];

        /// <summary>Why it was not asked on, or null.</summary>
        public string? Silence { get; set; }
    }
}
