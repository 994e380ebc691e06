namespace ReleaseBot.Registries;

/// <summary>The scopes that a token is asked for, e.g. <c>repository:team/app:pull,push</c>.</summary>
internal static class Scopes
{
    /// <summary>
    /// One for reading and writing: token servers leave out what the user may not do, and Docker Hub grants nothing at all to a reader
    /// of a repository that the first push will create.
    /// </summary>
    public static string Of(string repository) => $"repository:{repository}:pull,push";

    /// <summary>
    /// Docker's registry wants this even for the end of an upload of one's own (appendAccessRecords in
    /// https://github.com/distribution/distribution/blob/v2.8.2/registry/handlers/app.go), and a user who may push often lacks it.
    /// </summary>
    public static string OfDelete(string repository) => $"repository:{repository}:delete";

    public static string OfMount(string repository, string from) => $"{Of(repository)} repository:{from}:pull";
}
