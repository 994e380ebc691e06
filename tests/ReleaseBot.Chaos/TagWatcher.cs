namespace ReleaseBot.Chaos;

/// <summary>Looks at every floating tag again and again and notes each change.</summary>
internal sealed class TagWatcher(IReadOnlyList<RegistryStore> registries, ChaosOptions options)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly Dictionary<(int Registry, string Repository, string Tag), List<string>> _seen = [];

    /// <summary>The digests of each floating tag, in the order in which it had them.</summary>
    public IReadOnlyDictionary<(int Registry, string Repository, string Tag), List<string>> Seen => _seen;

    public async Task RunAsync(CancellationToken until)
    {
        while (!until.IsCancellationRequested)
        {
            Look();
            await Task.Delay(Pause, TimeProvider.System, until).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Look();
    }

    public static bool IsFloating(string tag) => !tag.StartsWith('v') && !tag.StartsWith("nightly", StringComparison.Ordinal);

    private void Look()
    {
        foreach (var (registry, repository) in Enumerable.Range(1, options.Projects).SelectMany(number => Places.Of(Places.App(number))))
        {
            foreach (var tag in registries[registry].Tags(repository).Where(IsFloating))
            {
                Note((registry, repository, tag), registries[registry].Current(repository, tag));
            }
        }
    }

    private void Note((int Registry, string Repository, string Tag) key, string? digest)
    {
        if (!_seen.TryGetValue(key, out var digests))
        {
            _seen[key] = digests = [];
        }

        if (digest is not null && (digests.Count == 0 || digests[^1] != digest))
        {
            digests.Add(digest);
        }
    }
}
