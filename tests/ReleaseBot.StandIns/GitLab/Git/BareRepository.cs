using System.Globalization;
using System.Text;

namespace ReleaseBot.StandIns.GitLab.Git;

internal sealed record StoredRef(string FullName, string Target, string Commit, DateTimeOffset CommittedAt, string? TagMessage, string CommitTitle)
{
    public string Name => FullName[(FullName.IndexOf('/', "refs/".Length) + 1)..];
}

internal sealed record StoredCommit(string Id, string Title, string Message, DateTimeOffset CommittedAt, string AuthorName, string AuthorEmail);

/// <summary>A project's repository on disk.</summary>
internal sealed class BareRepository(string directory)
{
    private const string Format =
        "%(refname)%00%(objectname)%00%(objecttype)%00%(*objectname)%00%(*objecttype)%00%(committerdate:unix)%00%(*committerdate:unix)%00%(contents:subject)%00%(*contents:subject)";

    public string Directory { get; } = directory;

    /// <summary>One push at a time, so that what it changed can be told.</summary>
    public SemaphoreSlim PushLock { get; } = new(1, 1);

    public async Task CreateAsync(bool allowsShaWants, CancellationToken cancellationToken)
    {
        if (File.Exists(Path.Combine(Directory, "HEAD")))
        {
            return;
        }

        System.IO.Directory.CreateDirectory(Directory);
        await GitCommand.RunAsync(Directory, ["init", "--quiet", "--bare", "--initial-branch=main"], cancellationToken);
        foreach (var (key, value) in ((string, string)[])[
            ("http.receivepack", "true"), ("gc.auto", "0"), ("receive.autogc", "false"),
            // As Gitaly sets it (internal/git/gitcmd/command_description.go).
            ("uploadpack.allowAnySHA1InWant", allowsShaWants ? "true" : "false")])
        {
            await GitCommand.RunAsync(Directory, ["config", key, value], cancellationToken);
        }
    }

    /// <summary>Every ref with what it names, as a push compares them.</summary>
    public async Task<Dictionary<string, string>> SnapshotAsync(CancellationToken cancellationToken)
    {
        var output = await GitCommand.RunAsync(Directory, ["for-each-ref", "--format=%(refname) %(objectname)"], cancellationToken);
        return Lines(output).Select(line => line.Split(' ')).ToDictionary(part => part[0], part => part[1], StringComparer.Ordinal);
    }

    /// <summary>Tags or branches, the latest first by the tagger's or committer's date.</summary>
    public async Task<IReadOnlyList<StoredRef>> ListAsync(string prefix, CancellationToken cancellationToken)
    {
        if (!File.Exists(Path.Combine(Directory, "HEAD")))
        {
            // Nobody has pushed yet.
            return [];
        }

        var output = await GitCommand.RunAsync(Directory, ["for-each-ref", "--sort=-refname", "--sort=-creatordate", $"--format={Format}", prefix], cancellationToken);
        return [.. Lines(output).Select(line => line.Split('\0')).Select(ToRef).OfType<StoredRef>()];
    }

    /// <summary>Null for a tag of something that is no commit.</summary>
    private static StoredRef? ToRef(string[] part)
    {
        var isAnnotated = part[2] == "tag";
        if ((isAnnotated ? part[4] : part[2]) != "commit")
        {
            return null;
        }

        var committedAt = DateTimeOffset.FromUnixTimeSeconds(long.Parse(isAnnotated ? part[6] : part[5], CultureInfo.InvariantCulture));
        return isAnnotated
            ? new StoredRef(part[0], part[1], part[3], committedAt, part[7], part[8])
            : new StoredRef(part[0], part[1], part[1], committedAt, null, part[7]);
    }

    /// <summary>Git matches a pattern of for-each-ref whole or up to a slash, so what is found may also be longer.</summary>
    public async Task<StoredRef?> FindAsync(string fullName, CancellationToken cancellationToken) =>
        (await ListAsync(fullName, cancellationToken)).FirstOrDefault(found => found.FullName == fullName);

    public async Task<StoredCommit?> FindCommitAsync(string revision, CancellationToken cancellationToken)
    {
        if (revision.StartsWith('-'))
        {
            return null;
        }

        var (exitCode, output, _) = await GitCommand.TryAsync(
            Directory, ["show", "--no-patch", "--format=%H%x00%ct%x00%an%x00%ae%x00%s%x00%B", $"{revision}^{{commit}}", "--"], null, cancellationToken);
        if (exitCode != 0)
        {
            return null;
        }

        var part = Encoding.UTF8.GetString(output).Split('\0');
        var committedAt = DateTimeOffset.FromUnixTimeSeconds(long.Parse(part[1], CultureInfo.InvariantCulture));
        return new StoredCommit(part[0], part[4], part[5], committedAt, part[2], part[3]);
    }

    public async Task<byte[]?> ReadFileAsync(string revision, string path, CancellationToken cancellationToken)
    {
        if (revision.StartsWith('-'))
        {
            return null;
        }

        var (exitCode, output, _) = await GitCommand.TryAsync(Directory, ["cat-file", "blob", $"{revision}:{path}"], null, cancellationToken);
        return exitCode == 0 ? output : null;
    }

    /// <summary>The newest commits that a branch got with a push, oldest first, and how many there were in all.</summary>
    public async Task<(IReadOnlyList<StoredCommit> Newest, int Total)> CommitsAsync(string before, string after, int most, CancellationToken cancellationToken)
    {
        var range = before.All(c => c == '0') ? after : $"{before}..{after}";
        var (exitCode, output, _) = await GitCommand.TryAsync(Directory, ["rev-list", "--max-count=1000", range, "--"], null, cancellationToken);
        var ids = exitCode == 0 ? Lines(Encoding.UTF8.GetString(output)) : [];
        var newest = new List<StoredCommit>();
        foreach (var id in ids.Take(most).Reverse())
        {
            newest.Add((await FindCommitAsync(id, cancellationToken))!);
        }

        return (newest, ids.Length);
    }

    /// <summary>The ids of the newest commits, the latest first.</summary>
    public async Task<string[]> NewestAsync(string commit, int most, CancellationToken cancellationToken) =>
        Lines(await GitCommand.RunAsync(Directory, ["rev-list", $"--max-count={most}", commit], cancellationToken));

    private static string[] Lines(string output) => output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
