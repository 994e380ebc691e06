using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Worker;

public sealed class StageResultTests
{
    private static readonly Reason Away = new(ReasonCode.RegistryUnavailable, "No such host.");
    private static readonly TimeSpan Long = TimeSpan.FromHours(24);

    [Theory]
    [InlineData(0, false)]
    [InlineData(119, false)]
    [InlineData(120, true)]
    [InlineData(7200, true)]
    public void Wait_That_Ends_Sooner_Ends_Once_Its_Reason_Came_Again_After_That_Time(int seconds, bool ends)
    {
        var wait = new StageResult.Wait(Away, null) { GiveUpAfter = TimeSpan.FromMinutes(2) };
        var waited = TimeSpan.FromSeconds(seconds);

        wait.GivesUp(Away, waited, Long).ShouldBe(ends ? TimeSpan.FromMinutes(2) : null);
        wait.GivesUp(null, waited, Long).ShouldBeNull();
        wait.GivesUp(new Reason(ReasonCode.RegistryUnavailable, "The registry is away."), waited, Long).ShouldBeNull();
        new StageResult.Wait(Away, null).GivesUp(Away, waited, Long).ShouldBeNull();
    }

    [Fact]
    public void Every_Wait_Ends_After_The_Time_For_All()
    {
        new StageResult.Wait(Away, null).GivesUp(null, Long, Long).ShouldBe(Long);
        (new StageResult.Wait(Away, null) { GiveUpAfter = TimeSpan.FromHours(48) }).GivesUp(Away, Long, Long).ShouldBe(Long);
    }

    [Fact]
    public void Ends_Side_By_Side_Keep_The_Images_Of_Each()
    {
        var first = new StageResult.End(ReleaseStatus.Failed, Away) { Images = [new ImageFailure(0, Away)] };
        var denied = new Reason(ReasonCode.PushDenied, "not yours");
        var second = new StageResult.End(ReleaseStatus.Failed, denied) { Images = [new ImageFailure(2, denied)] };

        var end = StageResult.End.First([null, first, null, second]).ShouldNotBeNull();

        end.Reason.ShouldBe(Away);
        end.Images.ShouldBe([new ImageFailure(0, Away), new ImageFailure(2, denied)]);
        StageResult.End.First([null, null]).ShouldBeNull();
    }
}
