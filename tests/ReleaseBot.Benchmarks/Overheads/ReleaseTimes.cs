using System.Globalization;
using System.Text.Json.Nodes;

namespace ReleaseBot.Benchmarks.Overheads;

/// <summary>
/// When a release came how far, by the history's own word: each of its times is that of the transaction's beginning which writes it. All clocks are
/// this machine's.
/// </summary>
/// <param name="BegunAt">A worker has it and begins with the source, which is the first of its own deeds.</param>
/// <param name="LastPushAt">The last of its tags is in its registry and was read back.</param>
internal sealed record ReleaseTimes(DateTimeOffset HookSentAt, DateTimeOffset QueuedAt, DateTimeOffset BegunAt, DateTimeOffset LastPushAt, DateTimeOffset PublishedAt)
{
    /// <param name="release">As the API shows it, published.</param>
    public static ReleaseTimes Of(JsonNode release, DateTimeOffset hookSentAt)
    {
        var stages = release["stages"]!.AsArray().ToDictionary(stage => stage!["name"]!.GetValue<string>(), stage => Time(stage!, "startedAt"));
        var pushed = release["images"]!.AsArray().Where(image => image!["status"]!.GetValue<string>() == "pushed").Max(image => Time(image!, "finishedAt"));
        return new ReleaseTimes(hookSentAt, stages["queue"], stages["source"], pushed, Time(release, "finishedAt"));
    }

    private static DateTimeOffset Time(JsonNode node, string name) => DateTimeOffset.Parse(node[name]!.GetValue<string>(), CultureInfo.InvariantCulture);
}
