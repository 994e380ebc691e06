using ReleaseBot.Core;
using ReleaseBot.Engine;
using ReleaseBot.GitLab;

namespace ReleaseBot.Worker;

/// <summary>Writes the build's context, as often as the builder asks for it.</summary>
internal abstract class ContextSource(ContextOptions options) : IAsyncDisposable
{
    public ContextOptions Options { get; } = options;

    public abstract Task<ContextSummary> WriteAsync(Stream output, CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}

/// <summary>GitLab's archive, streamed through: nothing of it touches the disk. The first stream is open before the build begins.</summary>
internal sealed class ArchiveSource(GitLabClient gitLab, long projectId, ObjectId commit, ContextOptions options, Stream first)
    : ContextSource(options)
{
    private Stream? _first = first;

    public override async Task<ContextSummary> WriteAsync(Stream output, CancellationToken cancellationToken)
    {
        var opened = Interlocked.Exchange(ref _first, null) ?? await gitLab.OpenArchiveAsync(projectId, commit, cancellationToken);
        await using (opened)
        {
            return await BuildContext.WriteAsync(opened, output, Options, cancellationToken);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _first, null) is { } unused)
        {
            await unused.DisposeAsync();
        }
    }
}

/// <summary>A work tree that git fetched, removed when the build is over.</summary>
internal sealed class WorkTreeSource(string directory, ContextOptions options) : ContextSource(options)
{
    public override Task<ContextSummary> WriteAsync(Stream output, CancellationToken cancellationToken) =>
        BuildContext.WriteDirectoryAsync(directory, output, Options, cancellationToken);

    public override ValueTask DisposeAsync()
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }

        return ValueTask.CompletedTask;
    }
}
