using System.CommandLine;
using ReleaseBot.Commands.Client;

namespace ReleaseBot.Commands;

/// <summary>What the commands that change tags have in common.</summary>
internal static class WishOptions
{
    public static Option<string> Reason()
    {
        Option<string> reason = new("--reason") { HelpName = "TEXT", Description = "Why, for whoever looks later. It is kept with your token's name.", Required = true };
        reason.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && string.IsNullOrWhiteSpace(text))
            {
                result.AddError("--reason must say something.");
            }
        });
        return reason;
    }

    /// <summary>Tells what was wished, or waits for all of it and tells how it ended. Interrupted, it changes nothing about the wishes.</summary>
    public static async Task<int> FollowAsync(
        ApiClient api, IReadOnlyList<ApiWish> wishes, bool wait, CommandEnvironment environment, CancellationToken cancellationToken)
    {
        var code = ExitCode.Ok;
        foreach (var wish in wishes)
        {
            var ended = wait ? await UntilEndedAsync(api, wish, environment, cancellationToken) : wish;
            var words = ended.Outcome is { } outcome ? $": {outcome}" : ended.HasEnded ? "" : ": a worker will do it; see it with GET /api/v1/images";
            environment.Out.WriteLine(TerminalText.Clean($"{ended.Status} {ended.Reference}{(ended.To is { } to ? $" to {to}" : "")}{words}"));
            code = ended.HasEnded && !ended.IsDone ? ExitCode.Failed : code;
        }

        return code;
    }

    private static async Task<ApiWish> UntilEndedAsync(ApiClient api, ApiWish wish, CommandEnvironment environment, CancellationToken cancellationToken)
    {
        var lastAnswer = environment.Time.GetTimestamp();
        while (true)
        {
            try
            {
                wish = (await api.GetImageAsync(wish.Reference, cancellationToken)).Wishes.FirstOrDefault(row => row.Id == wish.Id)
                    ?? throw new ApiException($"The server no longer shows the wish {wish.Id}.");
                lastAnswer = environment.Time.GetTimestamp();
            }
            catch (ApiException exception) when (exception.IsTransient && environment.Time.GetElapsedTime(lastAnswer) < environment.Limits.Unreachable)
            {
                // It is asked again.
            }

            if (wish.HasEnded)
            {
                return wish;
            }

            await Task.Delay(environment.Limits.Poll, environment.Time, cancellationToken);
        }
    }
}
