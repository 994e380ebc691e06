using System.CommandLine;
using ReleaseBot.Commands.Client;

namespace ReleaseBot.Commands;

/// <summary>Takes a version out of the reckoning for good.</summary>
internal static class RetractCommand
{
    public static Command Create(CommandEnvironment environment)
    {
        Argument<string> what = new("RELEASE") { Description = "A release's id; or HOST/REPOSITORY:TAG of a version that the registry holds and that was never published by us." };
        var reason = WishOptions.Reason();
        Option<bool> wait = new("--wait") { Description = "Wait until the floating tags have been looked at." };
        ClientOptions client = new();
        Command command = new("retract", "Take a version out of the reckoning for good. Its tag stays; floating tags leave it.") { what, reason, wait };
        client.AddTo(command);
        command.SetAction((parsed, cancellationToken) => client.RunAsync(parsed, environment, async api =>
        {
            var (name, why) = (parsed.GetRequiredValue(what), parsed.GetRequiredValue(reason));
            var retracted = Guid.TryParse(name, out var release)
                ? await api.RetractReleaseAsync(release, why, cancellationToken)
                : await api.RetractTagAsync(name, why, cancellationToken);
            environment.Out.WriteLine(TerminalText.Clean($"retracted {name}"));
            return await WishOptions.FollowAsync(api, retracted.Wishes, parsed.GetValue(wait), environment, cancellationToken);
        }));
        return command;
    }
}
