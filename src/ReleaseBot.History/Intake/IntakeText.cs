namespace ReleaseBot.History;

internal static class IntakeText
{
    /// <summary>JSON may hold a NUL, PostgreSQL's text may not, and a hook must not fail for it.</summary>
    public static string Of(string text) => text.Replace('\0', '\uFFFD');
}
