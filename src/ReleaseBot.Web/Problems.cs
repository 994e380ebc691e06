using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.WebUtilities;

namespace ReleaseBot.Web;

/// <summary>Every error that is answered, as an RFC 9457 problem. The types are stable; texts may change. None holds a secret or an exception's text.</summary>
internal static class Problems
{
    private const string Urn = "urn:releasebot:";
    private const int LongestName = 64;

    public static ProblemHttpResult InvalidParameter(string name, string legal) =>
        Of(StatusCodes.Status400BadRequest, "invalid-parameter", "A parameter is not legal", $"{name}: {legal}", ("parameter", name));

    public static ProblemHttpResult UnknownParameter(string name, string? nearest, IReadOnlyCollection<string> known) =>
        Of(StatusCodes.Status400BadRequest, "unknown-parameter", "A parameter is not known",
            $"{Shown(name)} is no parameter of this route.{(nearest is null ? "" : $" Did you mean {nearest}?")} "
            + (known.Count == 0 ? "It takes none." : $"It takes {string.Join(", ", known)}."),
            ("parameter", Shown(name)), ("nearest", nearest));

    public static ProblemHttpResult UnreadableBody(string detail) =>
        Of(StatusCodes.Status400BadRequest, "unreadable-body", "The body can't be read", detail);

    /// <param name="path">Where in it, as JSON paths are written; null where it is no JSON at all.</param>
    public static ProblemHttpResult UnreadableBodyAt(string? path) =>
        UnreadableBody($"The body is not what the API's description says{(path is null or "$" ? "" : $", at {Shown(path)}")}.");

    public static ProblemHttpResult DeliveryRefused() =>
        Of(StatusCodes.Status401Unauthorized, "delivery-refused", "The delivery is not let in",
            "A valid webhook-signature, or a valid X-Gitlab-Token where one is configured, is needed. The server's log says which check failed.");

    public static ProblemHttpResult TokenNeeded() =>
        Of(StatusCodes.Status401Unauthorized, "token-needed", "A token is needed", "Send a token of Access:Tokens as Authorization: Bearer SECRET.");

    public static ProblemHttpResult TokenUnknown() =>
        Of(StatusCodes.Status401Unauthorized, "token-unknown", "The token is not known", "The token is none of Access:Tokens.");

    public static ProblemHttpResult ScopeMissing(string scope) =>
        Of(StatusCodes.Status403Forbidden, "scope-missing", "The token may not do this", $"The token lacks the scope {scope}.", ("scope", scope));

    public static ProblemHttpResult NoTokenConfigured() =>
        Of(StatusCodes.Status403Forbidden, "no-token-configured", "No token is configured",
            "Without a token in Access:Tokens nothing can be changed, and reading is for this machine alone, directly and by a loopback name. Access:AnonymousRead counts only beside a token. "
            + "Configure one: Access__Tokens__0__Name=ci Access__Tokens__0__Secret=… Access__Tokens__0__Scopes__0=read Access__Tokens__0__Scopes__1=operate.");

    public static ProblemHttpResult ReleaseNotFound(Guid id) =>
        Of(StatusCodes.Status404NotFound, "release-not-found", "No such release", $"Release {id} is not in the history.");

    public static ProblemHttpResult LogNotKept(string detail) => Of(StatusCodes.Status410Gone, "log-not-kept", "The log is no longer kept", detail);

    public static ProblemHttpResult DeliveryNotFound(Guid id) =>
        Of(StatusCodes.Status404NotFound, "delivery-not-found", "No such delivery", $"Delivery {id} is not in the history, or is no longer kept.");

    public static ProblemHttpResult WorkerNotFound(string name) =>
        Of(StatusCodes.Status404NotFound, "worker-not-found", "No such worker", $"No worker {name} was seen lately; /api/v1/queue names those there are.");

    public static ProblemHttpResult ImageNotFound(string reference) =>
        Of(StatusCodes.Status404NotFound, "image-not-found", "No such image", $"History knows nothing of {reference}.");

    public static ProblemHttpResult NothingPublishedIn(string repository, string tag) =>
        Of(StatusCodes.Status404NotFound, "image-not-found", "Nothing is reckoned there yet",
            $"We have never pushed to {repository}, so {tag} holds no tag back there yet and can't be left out. Publish the first release, whose floating tags it may hold back, and retract it then: they catch up.");

    public static ProblemHttpResult NotFloating(string reference, string kind) =>
        Of(StatusCodes.Status409Conflict, "not-floating", "Only a floating tag can be moved",
            $"{reference} is a {kind} tag. {(kind == "version" ? "A version tag never changes; retract its release to take the version out of the reckoning." : "A branch tag follows its branch; push the branch back.")}");

    public static ProblemHttpResult NotPublished(string repository, string to) =>
        Of(StatusCodes.Status409Conflict, "not-published", "No such published version",
            $"We never published {to} in {repository}, or not to its end. GET /api/v1/releases?image={repository}&status=published lists what was.");

    public static ProblemHttpResult VersionRetracted(string to, string by, string reason) =>
        Of(StatusCodes.Status409Conflict, "version-retracted", "The version was retracted", $"{to} was retracted by {by}, for good: {reason.TrimEnd('.')}. Choose another version, or publish a new one.");

    public static ProblemHttpResult NothingToRetract(string what, string whose = "") =>
        Of(StatusCodes.Status409Conflict, "nothing-to-retract", "There is no version to retract",
            $"{what} has no version tag of its own that a floating tag could be moved to.{whose} A floating tag is put elsewhere with POST /api/v1/images/move.");

    public static ProblemHttpResult OfRelease(string reference, Guid release) =>
        Of(StatusCodes.Status409Conflict, "of-release", "The tag is a release's own",
            $"{reference} was pushed by release {release}. Retract that, with all its registries: POST /api/v1/releases/{release}/retract.", ("release", release.ToString()));

    public static ProblemHttpResult NoOwner(string name) =>
        Of(StatusCodes.Status404NotFound, "no-owner", "Nobody owns this", $"History knows no owner of {name}: whoever publishes there first has it, and nothing needs to be handed over.");

    public static ProblemHttpResult AlreadyTheirs(string name, string heir) =>
        Of(StatusCodes.Status409Conflict, "already-theirs", "It is theirs already", $"{name} is {heir}'s already.");

    public static ProblemHttpResult ProjectUnknown(string project) =>
        Of(StatusCodes.Status404NotFound, "project-not-found", "No such project",
            $"History has not seen the project {project} yet. Have it send a hook, or ask for a release of it, so that it is known here.");

    public static ProblemHttpResult ProjectNotFound() =>
        Of(StatusCodes.Status404NotFound, "project-not-found", "No such project", "GitLab knows no such project, or GitLab:Token may not see it.");

    public static ProblemHttpResult RefNotFound() =>
        Of(StatusCodes.Status404NotFound, "ref-not-found", "No such ref", "GitLab knows no such tag or branch in the project.");

    public static ProblemHttpResult RuleNotFound(string code, string message) =>
        Of(StatusCodes.Status422UnprocessableEntity, "no-rule", "No rule publishes this", message, ("code", code));

    public static ProblemHttpResult StateForbids(Guid id, string status, string detail) =>
        Of(StatusCodes.Status409Conflict, "state-forbids", "The release's state forbids it", $"Release {id} is {status}. {detail}", ("releaseStatus", status));

    public static ProblemHttpResult NotReplayable(string detail) =>
        Of(StatusCodes.Status409Conflict, "not-replayable", "The delivery can't be judged again", detail);

    public static ProblemHttpResult GitLabUnavailable(string detail, TimeSpan? retryAfter) =>
        Of(StatusCodes.Status503ServiceUnavailable, "gitlab-unavailable", "GitLab could not be asked", detail, ("retryAfterSeconds", Seconds(retryAfter)));

    public static ProblemHttpResult GitLabDenied(string detail) =>
        Of(StatusCodes.Status502BadGateway, "gitlab-denied", "GitLab refuses our token", detail);

    public static ProblemHttpResult NotStored() =>
        Of(StatusCodes.Status503ServiceUnavailable, "not-stored", "The delivery could not be stored", "Nothing came of it. Send it again.");

    public static ProblemHttpResult TooManyFollowers() =>
        Of(StatusCodes.Status503ServiceUnavailable, "too-many-followers", "Too many logs are being followed", "Read the log as text, or try again.");

    /// <summary>What a status means where nothing more is known.</summary>
    public static ProblemHttpResult ForStatus(int status) => status switch
    {
        StatusCodes.Status400BadRequest => UnreadableBody("The request's body or a parameter is not what the API's description says."),
        StatusCodes.Status404NotFound => Of(status, "not-found", "There is nothing here", "The API's description is at /openapi/v1.json."),
        StatusCodes.Status405MethodNotAllowed => Of(status, "method-not-allowed", "The method is not allowed here", "The Allow header names those that are."),
        StatusCodes.Status408RequestTimeout => Of(status, "request-timeout", "The body did not arrive in time", "Send it again."),
        StatusCodes.Status413PayloadTooLarge => Of(status, "body-too-large", "The body is too large", "GitLab:Webhook:MaxBodyBytes bounds a delivery; other bodies may have 64 KB."),
        StatusCodes.Status415UnsupportedMediaType => Of(status, "not-json", "The body is not JSON", "Content-Type: application/json is expected."),
        StatusCodes.Status500InternalServerError => Of(status, "internal-error", "Something went wrong here", "The server's log has the details."),
        StatusCodes.Status503ServiceUnavailable => Of(status, "store-unavailable", "The history can't be reached", "Try again."),
        _ => Of(status, "error", ReasonPhrases.GetReasonPhrase(status), null),
    };

    /// <summary>A name as it was sent, which may be anything at all.</summary>
    private static string Shown(string name) => name.Length <= LongestName ? name : $"{name[..LongestName]}…";

    private static string? Seconds(TimeSpan? wait) => wait is { } span ? Math.Ceiling(span.TotalSeconds).ToString(CultureInfo.InvariantCulture) : null;

    private static ProblemHttpResult Of(int status, string type, string title, string? detail, params ReadOnlySpan<(string Name, string? Value)> extensions)
    {
        Dictionary<string, object?> members = new(StringComparer.Ordinal);
        foreach (var (name, value) in extensions)
        {
            if (value is not null)
            {
                members[name] = value;
            }
        }

        return TypedResults.Problem(detail, instance: null, status, title, Urn + type, members);
    }
}
