using System.Text;
using ReleaseBot.Core;
using ReleaseBot.History;
using Shouldly;

namespace ReleaseBot.Integration.History;

/// <summary>
/// Watches what is recorded and compares it with the model. A decision is right if the model would have made it at some moment between the worker's
/// look at the tag and its record, and nobody else moved the tag in between.
/// </summary>
internal sealed class TagReferee(IReadOnlyList<string> hosts, StringBuilder story)
{
    private readonly Dictionary<string, TagModel> _models = hosts.ToDictionary(host => host, _ => new TagModel());
    private readonly Dictionary<(GameWorker Worker, ImageRef Image), Decision> _decisions = [];
    private readonly Dictionary<ImageRef, int> _lastReleaseMove = [];
    private readonly Dictionary<Guid, (SemanticVersion Version, int Clock)> _wishes = [];
    private readonly List<Exception> _faults = [];
    private int _clock;

    public IReadOnlyDictionary<string, TagModel> Models => _models;

    /// <summary>What the registries hold, for a worker that takes over from one that put without saying so.</summary>
    public Dictionary<ImageRef, SemanticVersion> Registry { get; } = [];

    public void Wished(TagChange change, SemanticVersion version) => _wishes[change.Id] = (version, ++_clock);

    public void Changed(Action<TagModel> change, string? host = null)
    {
        foreach (var model in _models.Where(pair => host is null || pair.Key == host).Select(pair => pair.Value))
        {
            change(model);
        }

        AddToDecisions();
    }

    /// <summary>A worker has the tag's lock and looks at the tag.</summary>
    public void Looked(GameWorker worker, ImageRef image)
    {
        if (worker.Work is { } work && !_decisions.ContainsKey((worker, image)))
        {
            var decision = new Decision(work);
            _decisions[(worker, image)] = decision;
            Add(image, decision);
        }
    }

    public void Put(ImageRef image, SemanticVersion version)
    {
        Registry[image] = version;
        AddToDecisions();
    }

    /// <summary>The worker has ended what it did.</summary>
    public void Ended(GameWorker worker)
    {
        foreach (var key in _decisions.Keys.Where(key => key.Worker == worker).ToList())
        {
            _decisions.Remove(key);
        }
    }

    /// <summary>A worker committed a move. What it says is judged, and is true from here on.</summary>
    public void Recorded(GameWorker worker, TagMove move)
    {
        var image = new ImageRef(new ImageRepository(move.Host, move.Repository), move.Tag);
        if (SemanticVersion.TryParseTag(image.Tag, out _) || move.Verdict == TagVerdict.Drifted)
        {
            return;
        }

        try
        {
            Judge(worker, image, move);
        }
        catch (Exception exception)
        {
            // On the worker's own stack it would be taken for a fault of the store.
            _faults.Add(exception);
        }
    }

    public void ThrowIfWrong()
    {
        if (_faults.Count > 0)
        {
            throw new AggregateException(_faults);
        }
    }

    private void Judge(GameWorker worker, ImageRef image, TagMove move)
    {
        var (model, version) = (_models[move.Host], move.Version is { } text ? GameWorker.Version(text) : null);
        story.AppendLine($"{worker}: {move.Verdict} {move.Tag} {version} ({move.Reason})");
        _decisions.Remove((worker, image), out var decision).ShouldBeTrue($"{worker} recorded {image} without a look at it\n{story}");
        var isMove = move.Verdict is TagVerdict.Created or TagVerdict.Moved;
        if (move.Verdict == TagVerdict.Adopted || isMove && !decision!.Possible.Contains(version))
        {
            // What a killed worker had put may be written down late, unless somebody moved the tag by right meanwhile.
            (Registry.GetValueOrDefault(image) == version && MayBeWrittenLate(image, version!, move.ChangeId)).ShouldBeTrue(
                $"{worker} wrote down {image} on {version}, not {decision}; the registry has {Registry.GetValueOrDefault(image)}\n{story}");
            (move.Verdict == TagVerdict.Adopted || move.ChangeId is not null).ShouldBeTrue($"{worker} moved {image} to {version}, not {decision}\n{story}");
            isMove = true;
        }
        else if (!isMove && move.Verdict != TagVerdict.Restored)
        {
            (decision!.Possible.Contains(null) || decision.IsSettling && model.Tags.TryGetValue(image.Tag, out var now) && decision.Possible.Contains(now.Version))
                .ShouldBeTrue($"{worker} left {image}, not {decision}\n{story}");
        }

        if (isMove)
        {
            Move(image, version!, move.ChangeId);
        }
    }

    private bool MayBeWrittenLate(ImageRef image, SemanticVersion version, Guid? change)
    {
        if (change is { } id && _wishes.TryGetValue(id, out var wish))
        {
            return _lastReleaseMove.GetValueOrDefault(image) < wish.Clock;
        }

        var model = _models[image.Repository.Host];
        return !model.Tags.TryGetValue(image.Tag, out var now) || model.Retracted.Contains(now.Version) || version > now.Version;
    }

    private void Move(ImageRef image, SemanticVersion version, Guid? change)
    {
        _models[image.Repository.Host].Tags[image.Tag] = (version, change is { } id && _wishes.ContainsKey(id));
        _clock++;
        if (change is null)
        {
            _lastReleaseMove[image] = _clock;
        }

        // Who had decided before, and did not write it down, has to decide again.
        foreach (var other in _decisions.Where(other => other.Key.Image == image))
        {
            other.Value.Possible.Clear();
        }

        AddToDecisions();
    }

    private void AddToDecisions()
    {
        foreach (var ((_, image), decision) in _decisions)
        {
            Add(image, decision);
        }
    }

    private void Add(ImageRef image, Decision decision)
    {
        var model = _models[image.Repository.Host];
        switch (decision.Work)
        {
            case GameWork.OfRelease release:
                decision.Possible.Add(model.MovesTo(release.Version, image.Tag) ? release.Version : null);
                break;
            case GameWork.OfChange { Change: { Kind: TagChangeKind.Move } change }:
                var (target, wished) = _wishes[change.Id];
                var isDue = _lastReleaseMove.GetValueOrDefault(image) < wished;
                decision.Possible.Add(isDue && !model.Retracted.Contains(target) ? target : null);
                break;
            case GameWork.OfChange { Change.Kind: TagChangeKind.Settle }:
                decision.Possible.Add(model.SettlesOn(image.Tag, Registry.GetValueOrDefault(image)));
                break;
            default:
                decision.Possible.Add(null);
                break;
        }
    }

    /// <summary>What a worker may come to; null stands for leaving the tag where it is.</summary>
    private sealed record Decision(GameWork Work)
    {
        public HashSet<SemanticVersion?> Possible { get; } = [];

        public bool IsSettling => Work is GameWork.OfChange { Change.Kind: TagChangeKind.Settle };

        public override string ToString() => string.Join(" or ", Possible.Select(version => version?.ToString() ?? "left"));
    }
}
