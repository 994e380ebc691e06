using ReleaseBot.Core;

namespace ReleaseBot.Web;

/// <summary>Counts deliveries since the start, for <c>/metrics</c>.</summary>
internal sealed class IntakeCounters
{
    private readonly long[] _outcomes = new long[Enum.GetValues<DeliveryOutcome>().Length];
    private long _refused;
    private long _notStored;

    public long Refused => Interlocked.Read(ref _refused);

    public long NotStored => Interlocked.Read(ref _notStored);

    public long Of(DeliveryOutcome outcome) => Interlocked.Read(ref _outcomes[(int)outcome]);

    public void Count(DeliveryOutcome outcome) => Interlocked.Increment(ref _outcomes[(int)outcome]);

    public void CountRefused() => Interlocked.Increment(ref _refused);

    public void CountNotStored() => Interlocked.Increment(ref _notStored);
}
