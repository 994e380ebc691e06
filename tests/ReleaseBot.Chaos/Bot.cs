using System.Globalization;
using ReleaseBot.Parts;

namespace ReleaseBot.Chaos;

/// <summary>One process of the bot, with one role; ended by a fault, it is started again over nothing but the database.</summary>
internal sealed class Bot(string name, string role, Uri address, Fleet fleet) : IAsyncDisposable
{
    private readonly List<string> _outputs = [];
    private ServerProcess? _process;

    public string Name => name;

    public string Role => role;

    public Uri Address => address;

    /// <summary>What it printed in all its lives.</summary>
    public string Output => string.Join("", _outputs) + _process?.Output;

    /// <summary>As the history knows it: host and process.</summary>
    public string Owner => string.Create(CultureInfo.InvariantCulture, $"{Environment.MachineName}/{_process?.Id}");

    public void Start() => _process = fleet.Launch(this);

    public async Task KillAsync()
    {
        ReportDeath();
        await _process!.KillAsync();
        Bury();
    }

    /// <summary>SIGTERM, and a look at how it went.</summary>
    public async Task StopAsync()
    {
        if (HasDied)
        {
            ReportDeath();
            Bury();
            return;
        }

        var code = await _process!.TerminateAsync();
        if (code != 0)
        {
            fleet.Report($"{name} ended with {code} after SIGTERM");
        }

        Bury();
    }

    public void Freeze() => _process!.Freeze();

    public void Thaw() => _process!.Thaw();

    /// <summary>True where it ended though nobody had killed it.</summary>
    public bool HasDied => _process?.HasExited ?? false;

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false } process)
        {
            await process.KillAsync();
        }

        _process?.Dispose();
    }

    /// <summary>A fault that comes after it must not hide it.</summary>
    private void ReportDeath()
    {
        if (HasDied)
        {
            fleet.ReportDeath($"{name} has died:\n{Verdict.Tail(Output)}");
        }
    }

    private void Bury()
    {
        _outputs.Add(_process!.Output);
        _process.Dispose();
        _process = null;
    }
}
