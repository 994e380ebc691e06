using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.Registries;

namespace ReleaseBot.Worker;

/// <summary>What a registry's refusal means for a release.</summary>
internal static class PushFaults
{
    public static StageResult Permanent(RegistryException exception) =>
        StageResult.Fail(exception.Fault == RegistryFault.Denied ? ReasonCode.PushDenied : ReasonCode.PushFailed, exception.Message);

    public static StageResult Permanent(EnginePushException exception) =>
        StageResult.Fail(exception.Fault == PushFault.Denied ? ReasonCode.PushDenied : ReasonCode.PushFailed, exception.Message);
}
