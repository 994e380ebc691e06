using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using ReleaseBot.Commands.Client;
using ReleaseBot.Core;

namespace ReleaseBot.Commands;

internal static class ReleasesCommand
{
    private const int LargestPage = 200;

    public static Command Create(CommandEnvironment environment)
    {
        Option<string?> project = new("--project") { HelpName = "PROJECT", Description = "Only this project, by path or id." };
        Option<string[]> status = new("--status") { HelpName = "STATUS", Description = $"Only these, given several times: {string.Join(", ", Statuses())}." };
        status.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(token => !Statuses().Contains(token.Value, StringComparer.OrdinalIgnoreCase)))
            {
                result.AddError(NotAStatus(token.Value));
            }
        });
        Option<int> limit = new("--limit") { HelpName = "N", Description = "At most so many, newest first.", DefaultValueFactory = _ => 50 };
        limit.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && !(int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n > 0))
            {
                result.AddError("--limit must be a whole number of at least 1.");
            }
        });
        Option<bool> json = new("--json") { Description = "Print a JSON array of the API's items." };

        ClientOptions client = new();
        Command command = new("releases", "List the releases of a running server, newest first.") { project, status, limit, json };
        client.AddTo(command);
        command.SetAction((parsed, cancellationToken) => client.RunAsync(parsed, environment, async api =>
        {
            var items = await ReadAsync(api, Filter(parsed.GetValue(project), parsed.GetValue(status) ?? []), parsed.GetValue(limit), cancellationToken);
            if (parsed.GetValue(json))
            {
                await PrintJsonAsync(items, environment.Out, cancellationToken);
            }
            else
            {
                ReleaseTable.Print([.. items.Select(item => item.Deserialize<ApiRelease>(JsonText.Web)!)], environment);
            }

            return ExitCode.Ok;
        }));
        return command;
    }

    private static string Filter(string? project, IEnumerable<string> statuses) => string.Concat(
        statuses.Select(status => $"&status={Uri.EscapeDataString(status.ToLowerInvariant())}")
            .Prepend(project is null ? "" : $"&project={Uri.EscapeDataString(project)}"));

    private static async Task<IReadOnlyList<JsonElement>> ReadAsync(ApiClient api, string filter, int limit, CancellationToken cancellationToken)
    {
        List<JsonElement> items = [];
        string? cursor = null;
        do
        {
            var size = Math.Min(limit - items.Count, LargestPage);
            var page = await api.ListReleasesAsync($"limit={size}{filter}{(cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}")}", cancellationToken);
            items.AddRange(page.Items.Take(limit - items.Count));

            // A page without items would be asked for again for ever.
            cursor = page.Items.Count > 0 ? page.Next : null;
        }
        while (cursor is not null && items.Count < limit);

        return items;
    }

    private static Task PrintJsonAsync(IReadOnlyList<JsonElement> items, TextWriter output, CancellationToken cancellationToken) => JsonText.PrintAsync(
        writer =>
        {
            writer.WriteStartArray();
            foreach (var item in items)
            {
                item.WriteTo(writer);
            }

            writer.WriteEndArray();
        },
        output,
        cancellationToken);

    private static string NotAStatus(string typed)
    {
        var nearest = NearestName.Find(typed, Statuses()) is { } name ? $" Did you mean {name}?" : "";
        return $"--status \"{TerminalText.Clean(typed)}\" is no status.{nearest} Legal are {string.Join(", ", Statuses())}.";
    }

    private static string[] Statuses() => [.. Enum.GetValues<ReleaseStatus>().Select(status => status.ToText())];
}
