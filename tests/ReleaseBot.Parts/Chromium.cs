using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace ReleaseBot.Parts;

/// <summary>A real Chromium without a window, driven by its DevTools protocol.</summary>
/// <seealso href="https://chromedevtools.github.io/devtools-protocol/"/>
public sealed partial class Chromium : IAsyncDisposable
{
    private const string Program = "/usr/bin/chromium";
    private const string Cure = "Install it with: apt-get install --no-install-recommends chromium";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    // Root has no sandbox, and the pages are our own.
    private static readonly string[] Arguments =
    [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-breakpad", "--disable-extensions", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0", "about:blank",
    ];

    private readonly string _folder;
    private readonly ServerProcess _process;
    private readonly Uri _devTools;

    private Chromium(string folder, ServerProcess process, Uri devTools) => (_folder, _process, _devTools) = (folder, process, devTools);

    public static async Task<Chromium> StartAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(Program))
        {
            throw new InvalidOperationException($"These tests need Chromium, and there is no {Program}. {Cure}");
        }

        var folder = Directory.CreateTempSubdirectory("rb-chromium-").FullName;
        var process = ServerProcess.Start(Program, [$"--user-data-dir={folder}", .. Arguments], new Dictionary<string, string> { ["HOME"] = folder }, folder);
        try
        {
            return new Chromium(folder, process, await AddressAsync(process, cancellationToken));
        }
        catch
        {
            await process.KillTreeAsync();
            process.Dispose();
            throw;
        }
    }

    /// <summary>Opens a page and returns once it is loaded.</summary>
    public async Task<ChromiumPage> OpenAsync(Uri address, CancellationToken cancellationToken)
    {
        using HttpClient http = new() { Timeout = StartLimit };
        using var answer = await http.PutAsync(new Uri(_devTools, "/json/new?about:blank"), null, cancellationToken);
        var tab = await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonObject>(cancellationToken);
        var page = await ChromiumPage.ConnectAsync(new Uri(tab!["webSocketDebuggerUrl"]!.GetValue<string>()), cancellationToken);
        await page.GoAsync(address, cancellationToken);
        return page;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await _process.KillTreeAsync();
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<Uri> AddressAsync(ServerProcess process, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(start) < StartLimit && !process.HasExited)
        {
            if (Listening().Match(process.Output) is { Success: true } match)
            {
                return new Uri($"http://{match.Groups[1].Value}/");
            }

            await Task.Delay(Poll, TimeProvider.System, cancellationToken);
        }

        throw new InvalidOperationException($"Chromium did not start: {process.Output}");
    }

    [GeneratedRegex(@"DevTools listening on ws://([0-9.:]+)/")]
    private static partial Regex Listening();
}

/// <summary>A tab, and what went wrong in it.</summary>
public sealed class ChromiumPage : IAsyncDisposable
{
    private const int LargestMessage = 16 * 1024 * 1024;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    private readonly ClientWebSocket _socket = new();
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _lock = new();
    private readonly Dictionary<int, TaskCompletionSource<JsonNode?>> _asked = [];
    private readonly List<string> _faults = [];
    private Task _reading = Task.CompletedTask;
    private TaskCompletionSource _loaded = New();
    private int _calls;

    private ChromiumPage()
    {
    }

    /// <summary>Exceptions of scripts, errors on the console (what the content security policy refuses is one), and answers of 400 and above.</summary>
    public IReadOnlyList<string> Faults
    {
        get
        {
            lock (_lock)
            {
                return [.. _faults];
            }
        }
    }

    public static async Task<ChromiumPage> ConnectAsync(Uri address, CancellationToken cancellationToken)
    {
        ChromiumPage page = new();
        await page._socket.ConnectAsync(address, cancellationToken);
        page._reading = page.ReadAsync();
        foreach (var domain in (string[])["Page", "Runtime", "Log", "Network"])
        {
            await page.CallAsync($"{domain}.enable", [], cancellationToken);
        }

        return page;
    }

    public async Task GoAsync(Uri address, CancellationToken cancellationToken)
    {
        _loaded = New();
        await CallAsync("Page.navigate", new JsonObject { ["url"] = address.AbsoluteUri }, cancellationToken);
        await _loaded.Task.WaitAsync(Limit, TimeProvider.System, cancellationToken);
    }

    /// <summary>The value of an expression in the page, as JSON has it.</summary>
    public async Task<JsonNode?> EvaluateAsync(string script, CancellationToken cancellationToken)
    {
        var answer = await CallAsync("Runtime.evaluate", new JsonObject { ["expression"] = script, ["returnByValue"] = true }, cancellationToken);
        return answer?["exceptionDetails"] is { } fault
            ? throw new InvalidOperationException($"{script}: {fault}")
            : answer?["result"]?["value"];
    }

    /// <summary>Returns once the expression is true in the page; fails with what the page shows.</summary>
    public async Task UntilAsync(string script, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (!(await EvaluateAsync($"Boolean({script})", cancellationToken))!.GetValue<bool>())
        {
            if (TimeProvider.System.GetElapsedTime(start) > Limit)
            {
                var text = await EvaluateAsync("document.body.innerText", cancellationToken);
                throw new TimeoutException($"{script} did not become true within {Limit.TotalSeconds:F0} s. Faults: {string.Join("; ", Faults)}. The page shows:\n{text}");
            }

            await Task.Delay(Poll, TimeProvider.System, cancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _reading;
        _socket.Dispose();
        _closing.Dispose();
    }

    private async Task<JsonNode?> CallAsync(string method, JsonObject parameters, CancellationToken cancellationToken)
    {
        var answer = new TaskCompletionSource<JsonNode?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var id = Interlocked.Increment(ref _calls);
        lock (_lock)
        {
            _asked[id] = answer;
        }

        var message = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters };
        await _socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(message), WebSocketMessageType.Text, endOfMessage: true, cancellationToken);
        return await answer.Task.WaitAsync(Limit, TimeProvider.System, cancellationToken);
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[LargestMessage];
        try
        {
            while (true)
            {
                var length = 0;
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await _socket.ReceiveAsync(buffer.AsMemory(length), _closing.Token);
                    length += part.Count;
                }
                while (!part.EndOfMessage);

                Take(JsonNode.Parse(buffer.AsSpan(0, length))!);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or WebSocketException or JsonException)
        {
            // Whoever still waits for an answer runs into its limit.
        }
    }

    private void Take(JsonNode message)
    {
        lock (_lock)
        {
            if (message["id"] is { } id)
            {
                if (_asked.Remove(id.GetValue<int>(), out var asked))
                {
                    asked.TrySetResult(message["result"]);
                }

                return;
            }

            var details = message["params"];
            switch (message["method"]?.GetValue<string>())
            {
                case "Page.loadEventFired":
                    _loaded.TrySetResult();
                    break;
                case "Runtime.exceptionThrown":
                    _faults.Add($"script: {At(details, "exceptionDetails", "exception", "description") ?? At(details, "exceptionDetails", "text")}");
                    break;
                case "Log.entryAdded" when At(details, "entry", "level")?.GetValue<string>() == "error":
                    _faults.Add($"console: {At(details, "entry", "text")} {At(details, "entry", "url")}");
                    break;
                case "Network.responseReceived" when At(details, "response", "status")?.GetValue<int>() >= 400:
                    _faults.Add($"{At(details, "response", "status")} {At(details, "response", "url")}");
                    break;
            }
        }
    }

    private static JsonNode? At(JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            node = node?[name];
        }

        return node;
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
