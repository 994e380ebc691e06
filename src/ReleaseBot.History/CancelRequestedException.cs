namespace ReleaseBot.History;

/// <summary>An operator wants the release to end, and it was about to begin something: its next stage, or a put to a registry. Whoever gets this ends the run as canceled.</summary>
public sealed class CancelRequestedException(Guid releaseId) : Exception($"{releaseId} is to be canceled.")
{
    public Guid ReleaseId { get; } = releaseId;

    /// <param name="release">Locked: whoever was answered can rely on what is found.</param>
    internal static void ThrowIfRequested(Release release)
    {
        if (release.CancelRequestedAt is not null)
        {
            throw new CancelRequestedException(release.Id);
        }
    }
}
