namespace ReleaseBot.Web;

/// <summary>Asks something that this role can't do without whether it is there.</summary>
public interface IReadinessProbe
{
    /// <summary>As shown by <c>/healthz/ready</c>, e.g. <c>store</c>.</summary>
    string Name { get; }

    /// <summary>Whether the role is of no use without it. What it can do without for a while is shown, and nothing more.</summary>
    bool IsEssential { get; }

    /// <summary>Null if it is there, else a few words for everybody to read: no address, no name of a user, no secret.</summary>
    Task<string?> CheckAsync(CancellationToken cancellationToken);
}
