using System.CommandLine;
using ReleaseBot.Commands.Client;
using ReleaseBot.Configuration;
using ReleaseBot.Core;

namespace ReleaseBot.Commands;

/// <summary>The options of the commands that ask a running server.</summary>
internal sealed class ClientOptions
{
    public const string TokenVariable = "RELEASEBOT_TOKEN";
    public const string ServerVariable = "RELEASEBOT_SERVER";

    private const string DefaultServer = "http://127.0.0.1:8080";

    private readonly Option<string?> _server = new("--server")
    {
        HelpName = "URL",
        Description = $"The server's address. Default: {ServerVariable}, else {DefaultServer}.",
    };

    private readonly Option<string?> _tokenFile = new("--token-file")
    {
        HelpName = "FILE",
        Description = $"A file with the access token. Default: {TokenVariable}.",
    };

    public void AddTo(Command command)
    {
        command.Add(_server);
        command.Add(_tokenFile);
    }

    /// <summary>Makes the client and lets the command use it. Wrong options end with 2; what the server or the network says, in words and with 1.</summary>
    public async Task<int> RunAsync(ParseResult parsed, CommandEnvironment environment, Func<ApiClient, Task<int>> run)
    {
        var address = parsed.GetValue(_server) ?? environment.Variable(ServerVariable) ?? DefaultServer;
        if (SettingTypes.WebAddress.Parse(address) is not { IsLegal: true, Value: var server })
        {
            return Usage.Fail(environment, parsed.CommandResult.Command, $"the server must be {SettingTypes.WebAddress.Legal}, e.g. {DefaultServer}.");
        }

        if (!TryReadToken(parsed, environment, out var token, out var mistake))
        {
            return Usage.Fail(environment, parsed.CommandResult.Command, mistake);
        }

        if (token is not null && server.Scheme == "http" && !LoopbackHost.Is(server.Authority))
        {
            await environment.Error.WriteLineAsync("releasebot: warning: the token travels over plain http; use https.");
        }

        using var client = ApiClient.Create(server, token);
        try
        {
            return await run(client);
        }
        catch (ApiException exception)
        {
            await environment.Error.WriteLineAsync($"releasebot: {exception.Message}");
            return ExitCode.Failed;
        }
    }

    private bool TryReadToken(ParseResult parsed, CommandEnvironment environment, out Secret? token, out string mistake)
    {
        (token, mistake) = (null, "");
        string? text;
        try
        {
            text = parsed.GetValue(_tokenFile) is { } file ? File.ReadAllText(file).Trim() : environment.Variable(TokenVariable);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            mistake = "the file of --token-file does not exist or can't be read.";
            return false;
        }

        if (text is null)
        {
            return true;
        }

        var legal = SecretTypes.HeaderValue.Parse(text);
        token = legal.Value;
        mistake = text.Length == 0 ? "the file of --token-file is empty." : $"the token must be {SecretTypes.HeaderValue.Legal}.";
        return legal.IsLegal && text.Length > 0;
    }
}
