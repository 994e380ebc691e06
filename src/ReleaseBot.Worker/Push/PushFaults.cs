using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.History;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

/// <summary>What a registry's refusal means for a release.</summary>
internal static class PushFaults
{
    public static StageResult.End Permanent(ReleaseImage image, RegistryException exception) =>
        Failed(image, exception.Fault == RegistryFault.Denied ? ReasonCode.PushDenied : ReasonCode.PushFailed, exception.Message);

    public static StageResult.End Permanent(ReleaseImage image, EnginePushException exception) =>
        Failed(image, exception.Fault == PushFault.Denied ? ReasonCode.PushDenied : ReasonCode.PushFailed, exception.Message);

    public static StageResult.End Failed(ReleaseImage image, ReasonCode code, string message) =>
        StageResult.Of(image, ReleaseStatus.Failed, new Reason(code, message));
}
