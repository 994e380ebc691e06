namespace ReleaseBot.Worker;

/// <summary>The source of a release, asked for before it is known whether it is needed; what nobody takes is let go of.</summary>
internal sealed class ComingSource : IAsyncDisposable
{
    private readonly SourceFetcher _fetcher;
    private readonly ReleaseRun _run;
    private readonly CancellationTokenSource _over;
    private readonly Task<SourceTree>? _tree;
    private readonly Task<ContextSource?>? _archive;
    private bool _isTaken;

    /// <param name="isAsked">GitLab is asked for what decides how the tree is fetched.</param>
    /// <param name="isSent">And has the archive sent as well. Of archives it gives a few a minute, so not at each try of a release that waits.</param>
    public ComingSource(SourceFetcher fetcher, ReleaseRun run, bool isAsked, bool isSent, CancellationToken cancellationToken)
    {
        (_fetcher, _run) = (fetcher, run);
        _over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (isAsked)
        {
            _tree = fetcher.LookAsync(run, _over.Token);
            _archive = isSent ? OpenArchiveAsync(_tree) : null;
        }
    }

    /// <summary>Is the caller's from now on.</summary>
    /// <exception cref="GitLab.GitLabException">GitLab can't be had the source from.</exception>
    /// <exception cref="FormatException">A pattern of .dockerignore can't be read; the message names the line.</exception>
    public async Task<ContextSource> TakeAsync(CancellationToken cancellationToken)
    {
        if (_archive is not null && await _archive is { } archive)
        {
            _isTaken = true;
            return archive;
        }

        return await _fetcher.OpenAsync(_run, await (_tree ?? _fetcher.LookAsync(_run, cancellationToken)), cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await Task.WhenAll([.. new Task?[] { _tree, _archive }.OfType<Task>()]).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!_isTaken && _archive is { IsCompletedSuccessfully: true, Result: { } unused })
        {
            await unused.DisposeAsync();
        }

        _over.Dispose();
    }

    private async Task<ContextSource?> OpenArchiveAsync(Task<SourceTree> tree) => await _fetcher.TryOpenArchiveAsync(_run, await tree, _over.Token);
}
