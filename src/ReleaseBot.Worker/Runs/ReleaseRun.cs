using System.Collections.Concurrent;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>One attempt of one release in this process: the row as it was claimed, the rule that applies today, and what the stages hand on to each other.</summary>
internal sealed class ReleaseRun(ClaimedRun claimed, ProjectRule rule, ReleasePlan plan, RunLog log) : IAsyncDisposable
{
    private readonly List<ReleaseImage> _images = [.. claimed.Release.Images.OrderBy(image => image.Ordinal)];

    // Registries are asked, and put to, side by side.
    private readonly ConcurrentDictionary<int, ReleaseImage> _unconfirmed =
        new(claimed.Release.Images.Where(image => image.Status == ImageStatus.Pushed).ToDictionary(image => image.Ordinal));

    private readonly ConcurrentDictionary<int, ReleaseImage> _putting = [];

    public ClaimedRun Claimed { get; } = claimed;

    public Release Release => Claimed.Release;

    public ProjectRule Rule { get; } = rule;

    public ReleasePlan Plan { get; } = plan;

    /// <summary>Not this run's to close: what becomes of the attempt is said after it.</summary>
    public RunLog Log { get; } = log;

    public ObjectId Commit { get; } = ObjectId.Parse(claimed.Release.Commit!);

    /// <summary>All tags that the release publishes, in the plan's order, with their status as this run knows it.</summary>
    public IReadOnlyList<ReleaseImage> Images => _images;

    /// <summary>The config digest of what was built; null until then.</summary>
    public string? ImageId { get; set; } = claimed.Release.ImageId;

    /// <summary>The manifest's digest, the same on every registry; null until the first push.</summary>
    public Digest? Digest { get; set; } = claimed.Release.Digest is { } digest ? Digest.Parse(digest) : null;

    /// <summary>Where the build's context comes from; set by the source stage when there is something to build.</summary>
    public ContextSource? Source { get; set; }

    /// <summary>When the source stage began; the rule's timeout counts from here.</summary>
    public DateTimeOffset? BuildStartedAt { get; set; }

    /// <summary>Names the image at the engine for as long as the release needs it there.</summary>
    public string LocalTag => $"releasebot/{Release.Id:N}:attempt-{Release.Attempt}";

    /// <summary>Names the build at the engine, so that whoever takes the release over can end it.</summary>
    public static string BuildId(Guid releaseId, long fence) => $"releasebot-{releaseId:N}-{fence}";

    /// <summary>The tags that carry the bytes: every version tag, and a branch tag where its repository has no version tag.</summary>
    public IEnumerable<ReleaseImage> Carriers => _images.Where(IsCarrier);

    /// <summary>Carriers that an earlier attempt pushed, and whose registry was not asked in this one whether it holds them still.</summary>
    public IEnumerable<ReleaseImage> Unconfirmed => Carriers.Where(image => _unconfirmed.ContainsKey(image.Ordinal));

    /// <summary>The tags that move once every registry holds the carriers.</summary>
    public IEnumerable<ReleaseImage> Followers => _images.Where(image => !IsCarrier(image));

    /// <summary>A registry holds the bytes, so the others can be given them without the engine.</summary>
    public bool IsHeldByARegistry => Carriers.Any(image => image.Status == ImageStatus.Pushed);

    /// <summary>An image tag holds the bytes and was read back.</summary>
    public void MarkPushed(ReleaseImage image, Digest digest)
    {
        image.Status = ImageStatus.Pushed;
        image.Digest = digest.Value;
        Digest = digest;
    }

    /// <summary>Its registry holds what an earlier attempt pushed.</summary>
    public void MarkConfirmed(ReleaseImage image) => _unconfirmed.TryRemove(image.Ordinal, out _);

    /// <summary>Its registry holds something else by now, or nothing: it is to be pushed again, if it may be.</summary>
    public void MarkLost(ReleaseImage image)
    {
        _unconfirmed.TryRemove(image.Ordinal, out _);
        image.Status = ImageStatus.Pending;
    }

    /// <summary>Carriers that were being put when the run was told to end: a registry may take in what nobody waits for any more.</summary>
    public IReadOnlyCollection<ReleaseImage> Putting => [.. _putting.Values];

    /// <summary>Puts a carrier; unless that is canceled, it is known afterwards what came of it.</summary>
    public async Task<T> PutAsync<T>(ReleaseImage image, Func<Task<T>> put)
    {
        _putting[image.Ordinal] = image;
        try
        {
            var result = await put();
            _putting.TryRemove(image.Ordinal, out _);
            return result;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            _putting.TryRemove(image.Ordinal, out _);
            throw;
        }
    }

    /// <summary>Another image was built: what an earlier attempt pushed is not what this one publishes.</summary>
    public void StartAfresh(string imageId)
    {
        ImageId = imageId;
        Digest = null;
        _unconfirmed.Clear();
        _images.ForEach(image => image.Status = ImageStatus.Pending);
    }

    public async ValueTask DisposeAsync()
    {
        if (Source is not null)
        {
            await Source.DisposeAsync();
        }
    }

    private bool IsCarrier(ReleaseImage image) =>
        image.Kind == ImageTagKind.Version
        || image.Kind == ImageTagKind.Branch
            && !_images.Exists(other => other.Kind == ImageTagKind.Version && other.Image.Repository == image.Image.Repository);
}
