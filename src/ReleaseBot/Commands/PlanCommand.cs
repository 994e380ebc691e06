using System.CommandLine;
using System.Text.Json;
using ReleaseBot.Commands.Client;

namespace ReleaseBot.Commands;

/// <summary>Says what a release would do, and changes nothing.</summary>
internal static class PlanCommand
{
    public static Command Create(CommandEnvironment environment)
    {
        Argument<string> project = new("PROJECT") { Description = "The project's path or id, e.g. acme/shop." };
        Argument<string> gitRef = new("REF") { Description = "A tag or branch, short or full, e.g. v1.2.3 or refs/heads/main." };
        Option<string?> commit = new("--assume-commit") { HelpName = "COMMIT", Description = "For a tag that does not exist yet: the commit that it would be put on, in full." };
        Option<bool> json = new("--json") { Description = "Print the API's answer." };
        ClientOptions client = new();
        Command command = new("plan", "Say what a release of a ref would do now, and change nothing. Ends with 1 where it would be rejected, and with 0 where it is a release already.") { project, gitRef, commit, json };
        client.AddTo(command);
        command.SetAction((parsed, cancellationToken) => client.RunAsync(parsed, environment, async api =>
        {
            var answer = await api.PlanAsync(parsed.GetRequiredValue(project), parsed.GetRequiredValue(gitRef), parsed.GetValue(commit), cancellationToken);
            var plan = answer.Deserialize<ApiPlan>(JsonText.Web)!;
            if (parsed.GetValue(json))
            {
                await JsonText.PrintAsync(answer.WriteTo, environment.Out, cancellationToken);
            }
            else
            {
                Print(plan, environment.Out);
            }

            return plan.Verdict == "reject" ? ExitCode.Failed : ExitCode.Ok;
        }));
        return command;
    }

    private static void Print(ApiPlan plan, TextWriter output)
    {
        Line($"{plan.Verdict} {plan.Project.Path} {plan.Ref.Name}{(plan.Version is { } version ? $" ({version})" : "")} at {plan.Commit}, by the rule {plan.Rule}");
        if (plan.Reason is { } reason)
        {
            Line($"  because: {reason.Message} ({reason.Code})");
        }

        var width = plan.Images.Select(image => image.Reference.Length).DefaultIfEmpty().Max();
        foreach (var image in plan.Images)
        {
            Line($"  {image.Verdict,-7} {image.Reference.PadRight(width)}  {image.Kind,-8}  {image.Reason}");
        }

        foreach (var tag in plan.Skipped)
        {
            Line($"  skip    {tag.Tag} in {tag.Registry}: {tag.Reason}");
        }

        Line(plan.Note);

        void Line(string text) => output.WriteLine(TerminalText.Clean(text).Replace('\n', ' '));
    }
}
