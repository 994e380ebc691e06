using System.CommandLine;
using ReleaseBot.Commands.Client;
using ReleaseBot.Configuration;

namespace ReleaseBot.Commands;

internal static class PublishCommand
{
    private static readonly SettingType<TimeSpan> WaitType = SettingTypes.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromDays(30));

    public static Command Create(CommandEnvironment environment)
    {
        Argument<string> project = new("PROJECT") { Description = "The project's path or id, e.g. acme/shop." };
        Argument<string> gitRef = new("REF") { Description = "A tag or branch, short or full, e.g. v1.2.3 or refs/heads/main." };
        Option<bool> wait = new("--wait") { Description = "Follow the log until the release ends." };
        Option<string> timeout = new("--timeout")
        {
            HelpName = "DURATION",
            Description = "How long --wait waits, e.g. 90m. The release itself goes on.",
            DefaultValueFactory = _ => "25h",
        };
        timeout.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && !WaitType.Parse(result.Tokens[0].Value).IsLegal)
            {
                result.AddError($"--timeout must be {WaitType.Legal}.");
            }
        });

        ClientOptions client = new();
        Command command = new("publish", "Ask a running server to publish a tag or branch.") { project, gitRef, wait, timeout };
        client.AddTo(command);
        command.SetAction((parsed, cancellationToken) => client.RunAsync(parsed, environment, async api =>
        {
            var release = await api.PublishAsync(parsed.GetRequiredValue(project), parsed.GetRequiredValue(gitRef), cancellationToken);
            if (!parsed.GetValue(wait))
            {
                return TellAccepted(release, api.Server, environment);
            }

            var limit = WaitType.Parse(parsed.GetRequiredValue(timeout)).Value;
            return await FollowAsync(api, release, limit, environment, cancellationToken);
        }));
        return command;
    }

    private static int TellAccepted(ApiRelease release, Uri server, CommandEnvironment environment)
    {
        if (release.IsFinal)
        {
            return TellResult(release, environment);
        }

        environment.Out.WriteLine(TerminalText.Clean($"{release.Status} {release.Project.Path} {release.Ref.Name}"));
        environment.Out.WriteLine(TerminalText.Clean($"  id: {release.Id}"));
        if (release.Links.Page is { } page)
        {
            environment.Out.WriteLine(TerminalText.Clean($"  page: {new Uri(server, page.TrimStart('/'))}"));
        }

        return ExitCode.Ok;
    }

    private static async Task<int> FollowAsync(
        ApiClient api, ApiRelease release, TimeSpan limit, CommandEnvironment environment, CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = new(limit, environment.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return TellResult(await new ReleaseFollower(api, environment).FollowAsync(release, either.Token), environment);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            await environment.Error.WriteLineAsync(
                $"releasebot: release {release.Id} has not ended within {TerminalText.Duration(limit)}; it goes on. Wait longer with --timeout.".AsMemory(), cancellationToken);
            return ExitCode.Failed;
        }
    }

    private static int TellResult(ApiRelease release, CommandEnvironment environment)
    {
        var took = release is { StartedAt: { } started, FinishedAt: { } finished } ? $" in {TerminalText.Duration(finished - started)}" : "";
        environment.Out.WriteLine(TerminalText.Clean($"{release.Status} {release.Project.Path} {release.Ref.Name}{took}"));
        foreach (var image in release.Images)
        {
            var reason = image.Reason is { } why ? $"  {why.Message}" : "";
            environment.Out.WriteLine(TerminalText.Clean($"  {image.Status,-7} {image.Reference}  {image.Digest ?? "-"}{reason}"));
        }

        if (release.IsPublished)
        {
            return ExitCode.Ok;
        }

        environment.Error.WriteLine(TerminalText.Clean(release.Reason is { } cause
            ? $"releasebot: {release.Status}: {cause.Message} ({cause.Code})"
            : $"releasebot: release {release.Id} is {release.Status}."));
        return ExitCode.Failed;
    }
}
