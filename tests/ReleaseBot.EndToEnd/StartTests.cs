using Npgsql;
using ReleaseBot.EndToEnd.Parts;
using Xunit;

namespace ReleaseBot.EndToEnd;

/// <summary>What the program says where it can't start, and which hosts it answers for.</summary>
public sealed class StartTests(ServiceParts parts)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Urls", "https://127.0.0.1:0", "No server certificate was specified")]
    [InlineData("Logging__LogLevel__Default", "Nonsense", "'Nonsense' is not supported")]
    [InlineData("Kestrel__Endpoints__x__Url", "zzz", "Invalid url: 'zzz'")]
    public async Task What_The_Web_Server_Does_Not_Take_Is_A_Problem_Of_The_Configuration(string variable, string value, string expected)
    {
        var (exitCode, output) = await RunAsync(["serve"], new() { ["GitLab__Webhook__Secrets__0"] = "0123456789abcdef", [variable] = value });

        exitCode.ShouldBe(2, output);
        output.ShouldContain("releasebot: the configuration can't be used: ");
        output.ShouldContain(expected);
        output.ShouldNotContain("   at ", Case.Sensitive, "no trace helps who has to change a line");
    }

    [Theory]
    [InlineData("migrate", 1)]
    [InlineData("serve", 1)]
    public async Task A_User_That_PostgreSQL_Refuses_Is_Not_Named(string command, int expected)
    {
        var database = new NpgsqlConnectionStringBuilder(await parts.Postgres.CreateDatabaseAsync(Cancellation)) { Username = "secret-user" };
        var variables = new Dictionary<string, string>
        {
            ["Storage__Provider"] = "Postgres",
            ["Storage__ConnectionString"] = database.ConnectionString,
            ["GitLab__Webhook__Secrets__0"] = "0123456789abcdef",
            ["Urls"] = "http://127.0.0.1:0",
        };

        var (exitCode, output) = await RunAsync([command], variables);

        exitCode.ShouldBe(expected, output);
        output.ShouldContain("the database of Storage:ConnectionString can't be ");
        output.ShouldContain("\"***\"");
        output.ShouldNotContain("secret-user");
    }

    [Fact]
    public async Task A_Host_That_Is_Not_Allowed_Is_Not_Answered()
    {
        await using var shop = await ReleaseScenario.CreateEmptyAsync(parts, On.Sqlite);
        shop.Settings["AllowedHosts"] = "127.0.0.1;bot.example";
        await shop.Bot.StartAsync("healthz/live");

        (await shop.Api.AnswersAsync("healthz/live")).ShouldBeTrue();
        (await StatusAsync("bot.example")).ShouldBe(200);
        (await StatusAsync("evil.example")).ShouldBe(400);

        async Task<int> StatusAsync(string host)
        {
            using var http = new HttpClient();
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(shop.Bot.Address, "healthz/live"));
            request.Headers.Host = host;
            using var response = await http.SendAsync(request, Cancellation);
            return (int)response.StatusCode;
        }
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string[] arguments, Dictionary<string, string> variables)
    {
        var folder = Directory.CreateTempSubdirectory("releasebot-start-");
        try
        {
            return await ServerProcess.RunAsync(
                "dotnet", [TestedProgram.Path, .. arguments], new Dictionary<string, string>(variables.Concat(TestedProgram.ForAShortLife)), folder.FullName, Poll.Limit, Cancellation);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
