using System.CommandLine;

namespace ReleaseBot.Commands;

/// <summary>Puts a floating tag on a version that was published before.</summary>
internal static class PromoteCommand
{
    public static Command Create(CommandEnvironment environment)
    {
        Argument<string> reference = new("REFERENCE") { Description = "The floating tag, e.g. docker.io/acme/shop:latest." };
        Argument<string> to = new("TO") { Description = "A published version of the same repository, e.g. v1.2.2." };
        var reason = WishOptions.Reason();
        Option<bool> wait = new("--wait") { Description = "Wait until a worker has done it." };
        ClientOptions client = new();
        Command command = new("promote", "Put a floating tag on another published version of its repository, byte for byte.") { reference, to, reason, wait };
        client.AddTo(command);
        command.SetAction((parsed, cancellationToken) => client.RunAsync(parsed, environment, async api =>
        {
            var wish = await api.MoveAsync(parsed.GetRequiredValue(reference), parsed.GetRequiredValue(to), parsed.GetRequiredValue(reason), cancellationToken);
            return await WishOptions.FollowAsync(api, [wish], parsed.GetValue(wait), environment, cancellationToken);
        }));
        return command;
    }
}
