namespace ReleaseBot.Notifications;

/// <summary>What became of one attempt to tell a channel. No text in it holds the channel's address or token.</summary>
public abstract record DeliveryReport
{
    private DeliveryReport()
    {
    }

    public sealed record Delivered : DeliveryReport;

    /// <summary>It may work later: network, timeout, 408, 429, 5xx.</summary>
    /// <param name="After">How long the channel asked to be left alone.</param>
    public sealed record Retry(string Why, TimeSpan? After) : DeliveryReport;

    /// <summary>It will not work until somebody changes the channel or its settings.</summary>
    public sealed record Dead(string Why) : DeliveryReport;
}
