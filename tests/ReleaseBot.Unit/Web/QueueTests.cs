using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Web;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Web;

public sealed class QueueTests
{
    private static readonly DateTimeOffset At = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly Release _both = Waiting(1, "x", "y");
    private readonly Release _behind = Waiting(2, "y", "z");
    private readonly Release _last = Waiting(3, "z");
    private readonly Guid _running = Guid.CreateVersion7(At);
    private readonly Dictionary<string, Guid> _firsts;

    public QueueTests() => _firsts = new()
    {
        ["registry.example/x"] = _both.Id,
        ["registry.example/y"] = _both.Id,
        ["registry.example/z"] = _behind.Id,
    };

    [Fact]
    public void The_Queue_Names_The_Older_Release_Of_The_Same_Repository_That_Another_Repository_Keeps_Waiting()
    {
        WaitsFor(_both).ShouldBe($"release {_running}, which publishes to registry.example/x now");
        WaitsFor(_behind).ShouldBe($"release {_both.Id}, which came before it and publishes to registry.example/y too");
        WaitsFor(_last).ShouldBe($"release {_behind.Id}, which came before it and publishes to registry.example/z too");
    }

    [Fact]
    public void What_Is_The_First_Of_All_Its_Lines_Waits_For_A_Worker()
    {
        _firsts["registry.example/y"] = _behind.Id;

        WaitsFor(_behind).ShouldBe("a worker: none was seen in the last minute");
        WaitsFor(_last).ShouldBe($"release {_behind.Id}, which came before it and publishes to registry.example/z too");
    }

    private string WaitsFor(Release release) => QueueEndpoints.WaitsFor(
        release,
        new QueueSnapshot(
            At, [_last, _both, _behind], _firsts, new Dictionary<string, Guid> { ["registry.example/x"] = _running }, new Dictionary<Guid, string>(), []));

    private static Release Waiting(int number, params string[] repositories)
    {
        var release = new Release
        {
            Id = Guid.CreateVersion7(At.AddMinutes(number - 10)),
            Key = $"{number}",
            ProjectId = number,
            ProjectPath = "acme/app",
            RefName = $"v1.0.{number}",
            Target = new string('1', 40),
            Status = ReleaseStatus.Queued,
            NotBefore = At.AddMinutes(-1),
            QueuedAt = At.AddMinutes(-1),
        };
        release.Images.AddRange(repositories.Select((repository, ordinal) => new ReleaseImage
        {
            ReleaseId = release.Id,
            Ordinal = ordinal,
            Registry = "main",
            Host = "registry.example",
            Repository = repository,
            Tag = release.RefName,
            Reference = $"registry.example/{repository}:{release.RefName}",
        }));
        return release;
    }
}
