namespace ReleaseBot.StandIns.Registry;

/// <summary>The token server as a program, for a demo. Passwords come in files.</summary>
public static class TokenProgram
{
    public const string Usage = """
        tokens --url URL --data DIR --user NAME:PASSWORD-FILE
        """;

    private static readonly string[] Names = ["--url", "--data", "--user"];

    /// <summary>Runs until it is cancelled. Wrong arguments are an <see cref="ArgumentException"/>.</summary>
    /// <param name="output">Gets the line that begins with READY once the server listens.</param>
    public static async Task<int> RunAsync(string[] args, TextWriter output, CancellationToken cancellationToken)
    {
        var given = Parse(args);
        if (!given.TryGetValue("--url", out var url) || !given.TryGetValue("--data", out var directory)
            || !given.TryGetValue("--user", out var user) || user.Split(':', 2) is not [var name, var file])
        {
            throw new ArgumentException($"All three options are needed: {Usage}");
        }

        var password = (await File.ReadAllTextAsync(file, cancellationToken)).Trim();
        var options = new TokenServerOptions { Url = url, Directory = directory, Users = [new TokenUser(name, password)] };
        await using var server = await TokenServer.StartAsync(options, cancellationToken);
        await output.WriteLineAsync($"READY tokens {server.Realm} {server.CertificateFile}");
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return 0;
    }

    private static Dictionary<string, string> Parse(string[] args) =>
        args.Length % 2 == 0 && args.Where((_, index) => index % 2 == 0).All(Names.Contains)
            ? args.Chunk(2).ToDictionary(pair => pair[0], pair => pair[1])
            : throw new ArgumentException($"Options come in pairs, and are: {Usage}");
}
