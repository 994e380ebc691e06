namespace ReleaseBot.GitLab;

/// <summary>Whether a delivery is let in, and by what.</summary>
public abstract record WebhookVerdict
{
    private WebhookVerdict()
    {
    }

    /// <summary>Let in by a valid <c>webhook-signature</c> of this very body.</summary>
    public sealed record Signed : WebhookVerdict;

    /// <summary>Let in by a valid <c>X-Gitlab-Token</c>; the delivery carried no signature.</summary>
    public sealed record Token : WebhookVerdict;

    /// <summary>Not let in.</summary>
    /// <param name="Why">For the operator's log only: the caller must not learn which check it failed. Holds nothing that the caller sent.</param>
    public sealed record Refused(string Why) : WebhookVerdict;
}
