using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Worker;

public sealed class EngineRoomTests
{
    [Theory]
    [InlineData(null, null, "a", false)]
    [InlineData(ReasonCode.EngineFull, "a", "a", true)]
    // Another engine's room says nothing of this one's.
    [InlineData(ReasonCode.EngineFull, "b", "a", false)]
    // Full before a build had begun.
    [InlineData(ReasonCode.EngineFull, null, "a", false)]
    // Waited for something else since.
    [InlineData(ReasonCode.SourceUnavailable, "a", "a", false)]
    [InlineData(ReasonCode.EngineFull, null, null, true)]
    public void Room_Was_Made_For_A_Build_Where_It_Is_Tried_Again_And_Nowhere_Else(ReasonCode? reason, string? roomEngine, string? engine, bool hasMade)
    {
        Release release = new()
        {
            Key = "k",
            ProjectPath = "acme/app",
            RefName = "v1.0.0",
            Target = new string('1', 40),
            ReasonCode = reason,
            RoomEngine = roomEngine,
        };

        EngineRoom.HasMadeRoomFor(new ClaimedRun(release, 2, engine)).ShouldBe(hasMade);
    }
}
