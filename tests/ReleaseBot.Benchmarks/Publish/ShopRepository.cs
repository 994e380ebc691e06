using System.Globalization;
using ReleaseBot.StandIns.GitLab;

namespace ReleaseBot.Benchmarks.Publish;

/// <summary>A project as teams have them: a base image, dependencies that change seldom, many source files, a build step.</summary>
internal sealed class ShopRepository(StandInRepository clone, string baseImage, bool isShort) : IAsyncDisposable
{
    public const int SourceFiles = 800;

    // Of the 40 MB half is noise and half is text, as in compiled dependencies: gzip makes about half of it.
    private const int DependencyMegabytes = 40;
    private const int LargeMegabytes = 500;
    private const int Megabyte = 1_000_000;

    private int _changes;

    public StandInProject Project => clone.Project;

    private int Files => isShort ? 20 : SourceFiles;

    private int Dependencies => isShort ? 2 : DependencyMegabytes;

    public Task<string> CreateAsync(CancellationToken cancellationToken)
    {
        var files = new Dictionary<string, string?>
        {
            ["Dockerfile"] = string.Create(CultureInfo.InvariantCulture, $$"""
                FROM {{baseImage}}
                COPY deps.lock /deps.lock
                RUN mkdir /deps && dd if=/dev/urandom of=/deps/noise bs=1000000 count={{Dependencies / 2}} && yes "$(cat /deps.lock)" | head -c {{Dependencies / 2 * Megabyte}} > /deps/text
                COPY src /src
                RUN find /src -type f | sort | xargs cat | sha256sum > /app
                CMD ["/bin/cat", "/app"]
                """),
            ["deps.lock"] = "left-pad 1.0.0\n",
            [".dockerignore"] = ".git\n",
        };
        for (var i = 0; i < Files; i++)
        {
            files[FileName(i)] = Content(i, 0);
        }

        return CommitAsync(files, cancellationToken);
    }

    /// <summary>The newest commit.</summary>
    public Task<string> HeadAsync(CancellationToken cancellationToken) => clone.HeadAsync(cancellationToken);

    /// <summary>One of the source files is another.</summary>
    public Task<string> ChangeSourceAsync(CancellationToken cancellationToken)
    {
        var change = ++_changes;
        return CommitAsync(new() { [FileName(change % Files)] = Content(change % Files, change) }, cancellationToken);
    }

    /// <summary>The layer of dependencies and everything after it have to be built anew.</summary>
    public Task<string> ChangeDependenciesAsync(CancellationToken cancellationToken) =>
        CommitAsync(new() { ["deps.lock"] = string.Create(CultureInfo.InvariantCulture, $"left-pad 1.0.{++_changes}\n") }, cancellationToken);

    /// <summary>Assets that no packing makes smaller, in an image layer of their own.</summary>
    public async Task<string> AddAssetsAsync(CancellationToken cancellationToken)
    {
        var folder = Directory.CreateDirectory(Path.Combine(clone.Directory, "assets"));
        var block = new byte[Megabyte];
        await using (var file = File.Create(Path.Combine(folder.FullName, "film.bin")))
        {
            for (var i = 0; i < (isShort ? 5 : LargeMegabytes); i++)
            {
                Random.Shared.NextBytes(block);
                await file.WriteAsync(block, cancellationToken);
            }
        }

        var dockerfile = await File.ReadAllTextAsync(Path.Combine(clone.Directory, "Dockerfile"), cancellationToken);
        return await CommitAsync(new() { ["Dockerfile"] = dockerfile.Replace("COPY src", "COPY assets /assets\nCOPY src", StringComparison.Ordinal) }, cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        clone.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<string> CommitAsync(Dictionary<string, string?> files, CancellationToken cancellationToken)
    {
        var commit = await clone.CommitAsync(files, "A change", cancellationToken);
        await clone.PushAsync(cancellationToken, "main");
        return commit;
    }

    private static string FileName(int i) => string.Create(CultureInfo.InvariantCulture, $"src/part{i % 40}/file{i}.js");

    private static string Content(int i, int change) => string.Concat(Enumerable.Range(0, 60).Select(line =>
        string.Create(CultureInfo.InvariantCulture, $"export const value_{i}_{line} = compute({line * 7919 % 1000}, {change});\n")));
}
