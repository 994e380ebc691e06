namespace ReleaseBot.Parts;

/// <summary>
/// The program that tests and drills run: the one named by RELEASEBOT_PROGRAM, which ops/test.sh publishes as the README has it, compiled ahead; else
/// the one that was built with them.
/// </summary>
public static class TestedProgram
{
    /// <summary>ReleaseBot.dll, among all that it needs and nothing else.</summary>
    public static string Path { get; } = System.IO.Path.GetFullPath(Environment.GetEnvironmentVariable("RELEASEBOT_PROGRAM") is { Length: > 0 } published ? published : Built);

    public static string Folder => System.IO.Path.GetDirectoryName(Path)!;

    /// <summary>Environment variables for a process of seconds or minutes, in which neither code that is compiled again pays off nor its protection.</summary>
    public static IReadOnlyDictionary<string, string> ForAShortLife { get; } = new Dictionary<string, string>
    {
        ["DOTNET_TieredPGO"] = "0",
        ["DOTNET_TC_CallCounting"] = "0",
        // A page of code is mapped twice while it is written, which a start pays for with a tenth of its time.
        ["DOTNET_EnableWriteXorExecute"] = "0",
    };

    private static string Built =>
        System.IO.Path.Combine(AppContext.BaseDirectory, "../../ReleaseBot", new DirectoryInfo(AppContext.BaseDirectory).Name, "ReleaseBot.dll");
}
