using System.Text.Json;
using ReleaseBot.Core;

namespace ReleaseBot.GitLab;

/// <summary>
/// Reads push and tag_push bodies of project, group, system and service hooks. The body rules, not the header: a system hook's header is
/// always <c>System Hook</c>, and a test delivery can carry a branch under <c>Tag Push Hook</c>.
/// </summary>
/// <seealso href="https://docs.gitlab.com/user/project/integrations/webhook_events/"/>
public static class HookPayload
{
    private const int MaxEventLength = 100;
    private const int MaxFullRefLength = 512;
    private const int MaxUserLength = 255;
    private const int MaxPathLength = 1024;
    private const int MaxUrlLength = 2048;

    /// <param name="eventHeader">The value of <c>X-Gitlab-Event</c>, used only where the body does not name its event.</param>
    /// <exception cref="HookFormatException">Not JSON, not an object, nested deeper than 64, or a needed field of a wrong type. Nothing else is thrown.</exception>
    public static HookEvent Parse(string? eventHeader, ReadOnlySpan<byte> body)
    {
        HookFields fields;
        try
        {
            fields = HookFields.Read(body);
        }
        catch (JsonException e)
        {
            throw new HookFormatException($"The body is not JSON that can be read (line {e.LineNumber}, byte {e.BytePositionInLine}).", e);
        }
        catch (InvalidOperationException e)
        {
            throw new HookFormatException("The body holds text that is not valid UTF-8.", e);
        }

        var kind = fields.ObjectKind ?? fields.EventName;
        var isPush = kind is null ? eventHeader is "Push Hook" or "Tag Push Hook" : kind is "push" or "tag_push";
        if (isPush)
        {
            return ReadPush(fields);
        }

        return (kind ?? eventHeader) is { Length: > 0 } name
            ? new HookEvent.Unsupported(Printable.Text(name, MaxEventLength))
            : new HookEvent.Incomplete("lacks object_kind, which should be push or tag_push");
    }

    private static HookEvent ReadPush(HookFields fields)
    {
        if (fields.WrongType is { } wrong)
        {
            throw new HookFormatException(wrong);
        }

        if (KindOf(fields.Ref) is not { } refKind)
        {
            return Unusable("ref", fields.Ref, "a full name below refs/tags/ or refs/heads/");
        }

        if (!ObjectId.TryParse(fields.Before, out var before))
        {
            return Unusable("before", fields.Before, "40 or 64 hex digits");
        }

        if (!ObjectId.TryParse(fields.After, out var after))
        {
            return Unusable("after", fields.After, "40 or 64 hex digits");
        }

        if ((fields.ProjectId ?? fields.NestedProjectId) is not > 0)
        {
            return Unusable("project_id", fields.ProjectId ?? fields.NestedProjectId, "a positive number");
        }

        if (fields.ProjectId is { } outer && fields.NestedProjectId is { } nested && outer != nested)
        {
            return new HookEvent.Incomplete("names two projects: project_id and project.id differ");
        }

        if (!IsProjectPath(fields.ProjectPath))
        {
            return Unusable("project.path_with_namespace", fields.ProjectPath, "a path like acme/shop");
        }

        var user = fields.UserName ?? fields.UserDisplayName;
        return new HookEvent.RefUpdated
        {
            RefKind = refKind,
            FullRef = Printable.Text(fields.Ref!, MaxFullRefLength),
            Ref = GitRef.TryParse(fields.Ref, out var gitRef) ? gitRef : null,
            Before = before,
            After = after,
            ProjectId = (fields.ProjectId ?? fields.NestedProjectId)!.Value,
            ProjectPath = fields.ProjectPath!,
            ProjectUrl = ReadUrl(fields.ProjectUrl),
            RefProtectedHint = fields.RefProtected,
            CheckoutSha = ObjectId.TryParse(fields.CheckoutSha, out var checkout) ? checkout : null,
            User = string.IsNullOrEmpty(user) ? null : Printable.Text(user, MaxUserLength),
        };
    }

    private static HookEvent.Incomplete Unusable(string field, object? value, string expected) =>
        new(value is null ? $"lacks {field}, which should be {expected}" : $"has something other than {expected} as its {field}");

    private static RefKind? KindOf(string? fullRef) => fullRef switch
    {
        _ when fullRef is null => null,
        _ when fullRef.StartsWith("refs/tags/", StringComparison.Ordinal) => RefKind.Tag,
        _ when fullRef.StartsWith("refs/heads/", StringComparison.Ordinal) => RefKind.Branch,
        _ => null,
    };

    /// <summary>GitLab's own rule for paths: ASCII letters, digits, <c>_</c>, <c>-</c> and <c>.</c>; at least a namespace and a project.</summary>
    private static bool IsProjectPath(string? path)
    {
        if (path is null || path.Length > MaxPathLength || !path.Contains('/', StringComparison.Ordinal))
        {
            return false;
        }

        foreach (var segment in path.Split('/'))
        {
            if (segment is "" or "." or ".." || !segment.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.'))
            {
                return false;
            }
        }

        return true;
    }

    private static Uri? ReadUrl(string? value) =>
        value is { Length: > 0 and <= MaxUrlLength }
        && Uri.TryCreate(value, UriKind.Absolute, out var url)
        && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps)
        && url.UserInfo.Length == 0
            ? url
            : null;
}
