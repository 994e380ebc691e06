using System.Text;

namespace ReleaseBot.Core;

/// <summary>Why something did not happen. In the API and the history a code is its name in kebab case, e.g. <c>ref-not-protected</c>; the names are stable.</summary>
public enum ReasonCode
{
    NoMatchingProject,
    RefNotMatched,
    RefDeleted,
    RefInvalid,
    EventNotSupported,
    PayloadIncomplete,
    RefNotProtected,
    RefGone,
    RefMoved,
    ProjectMismatch,
    NothingToPublish,
    VersionExists,
    TagTaken,
    RepositoryTaken,
    TagInvalid,
    RepositoryInvalid,
    DockerfileMissing,
    BuildFailed,
    BuildTimeout,
    PushDenied,
    PushFailed,
    RegistryUnavailable,
    EngineUnavailable,
    SourceUnavailable,
    GitlabUnavailable,
    GitlabDenied,
    Canceled,
    Superseded,
    AlreadyAccepted,
    NotNewest,
    InternalError,
}

/// <summary>A reason code and a sentence for people: what happened, and what to do about it. The sentence never holds a secret.</summary>
public sealed record Reason(ReasonCode Code, string Message)
{
    public override string ToString() => $"{ReasonCodes.Text(Code)}: {Message}";
}

public static class ReasonCodes
{
    private static readonly Dictionary<ReasonCode, string> Texts = Enum.GetValues<ReasonCode>().ToDictionary(code => code, Kebab.Case);
    private static readonly Dictionary<string, ReasonCode> Codes = Texts.ToDictionary(pair => pair.Value, pair => pair.Key, StringComparer.Ordinal);

    internal static string Text(ReasonCode code) => Texts[code];

    /// <summary>Reads a code that this or an earlier version wrote; null for one that is no longer known.</summary>
    public static ReasonCode? Parse(string? text) => text is not null && Codes.TryGetValue(text, out var code) ? code : null;
}

internal static class Kebab
{
    public static string Case<T>(T value) where T : struct, Enum
    {
        var text = new StringBuilder();
        foreach (var c in value.ToString())
        {
            if (char.IsUpper(c) && text.Length > 0)
            {
                text.Append('-');
            }

            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }
}
