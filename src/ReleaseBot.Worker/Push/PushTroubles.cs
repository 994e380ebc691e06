using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Worker;

/// <summary>Registries that were away in this attempt. With none, the stage is done; else the release waits for them.</summary>
internal sealed class PushTroubles
{
    private readonly List<(ReleaseImage Image, string Message, TimeSpan? Asked)> _all = [];

    public void Add(ReleaseImage image, string message, TimeSpan? asked) => _all.Add((image, message, asked));

    public StageResult Result()
    {
        if (_all.Count == 0)
        {
            return StageResult.Done;
        }

        var registries = string.Join(", ", _all.Select(trouble => trouble.Image.Registry).Distinct());
        var reason = new Reason(ReasonCode.RegistryUnavailable, $"Waiting for {registries}: {_all[0].Message}");
        return new StageResult.Wait(reason, _all.Max(trouble => trouble.Asked));
    }
}
