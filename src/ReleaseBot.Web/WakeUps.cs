namespace ReleaseBot.Web;

/// <summary>Keys of the signals between the background services of the web role.</summary>
public static class WakeUps
{
    /// <summary>A release was accepted and waits to be verified.</summary>
    public const string Verify = "verify";
}
