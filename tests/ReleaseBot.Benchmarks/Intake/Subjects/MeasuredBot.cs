using System.Text.Json.Nodes;

namespace ReleaseBot.Benchmarks.Intake.Subjects;

/// <summary>
/// How the bot is set up whose intake is measured. Its GitLab takes connections and never answers: each accepted delivery becomes a release that
/// waits to be verified, as always, and the verifier waits for its first four and writes nothing meanwhile. A verification costs GitLab's time and ours
/// after the hook's answer; here the answer alone is measured. The log is at its usual level.
/// </summary>
internal sealed class MeasuredBot(string program, Uri silentGitLab)
{
    public const string SigningToken = "whsec_cmVsZWFzZWJvdC1iZW5jaG1hcmstc2lnbmluZy1rZXk=";
    public const string SecretToken = "releasebot-benchmark-secret-token";
    private static readonly Dictionary<string, string> NoMoreSecrets = [];

    /// <summary>On SQLite, which serves both roles in one process; there is no engine, and nothing for it.</summary>
    public Task<BotProgram> OnSqliteAsync(CancellationToken cancellationToken) => BotProgram.StartAsync(program, Settings(), NoMoreSecrets, cancellationToken);

    public async Task<BotProgram> OnPostgresAsync(string database, Uri rabbitMq, CancellationToken cancellationToken)
    {
        await MigrateAsync(database, rabbitMq, cancellationToken);
        return await BotProgram.StartAsync(program, OnPostgres(database, rabbitMq), NoMoreSecrets, cancellationToken, roles: "web");
    }

    /// <summary>Makes the tables of a database that no bot serves.</summary>
    public Task MigrateAsync(string database, Uri rabbitMq, CancellationToken cancellationToken) =>
        BotProgram.MigrateAsync(program, OnPostgres(database, rabbitMq), cancellationToken);

    private JsonObject OnPostgres(string database, Uri rabbitMq)
    {
        var settings = Settings();
        settings["Storage"] = new JsonObject { ["Provider"] = "Postgres", ["ConnectionString"] = database };
        settings["Bus"] = new JsonObject { ["Transport"] = "RabbitMq", ["Uri"] = rabbitMq.AbsoluteUri };
        return settings;
    }

    private JsonObject Settings() => new()
    {
        ["GitLab"] = new JsonObject
        {
            ["Url"] = silentGitLab.AbsoluteUri,
            ["Token"] = "benchmark",
            ["Webhook"] = new JsonObject { ["SigningTokens"] = new JsonArray(SigningToken), ["Secrets"] = new JsonArray(SecretToken) },
        },
        ["Registries"] = new JsonObject { ["local"] = new JsonObject { ["Host"] = "localhost:5000", ["Insecure"] = true } },
        ["Projects"] = new JsonArray(new JsonObject
        {
            ["Path"] = "acme/**",
            ["Images"] = new JsonArray(new JsonObject { ["Registry"] = "local", ["Repository"] = "{project.path}", ["Tags"] = new JsonArray("{tag}") }),
        }),
        ["Engine"] = new JsonObject { ["Endpoint"] = "unix:///nonexistent/docker.sock" },
    };
}
