using System.Text;

namespace ReleaseBot.Engine;

/// <summary>
/// Decides entry by entry what of a repository becomes the context, and writes it. No entry lies out of the tree, nothing is followed, and the tar
/// gets its end only when the context is whole.
/// </summary>
internal sealed class ContextWriter : IDisposable
{
    public const string IgnoreFile = ".dockerignore";

    private const int MostNames = 10;

    private readonly ContextOptions _options;
    private readonly byte[] _prefix;
    private readonly string _dockerfile;
    private readonly byte[] _dockerfileBytes;
    private readonly byte[] _ownIgnoreBytes;
    private readonly SortedSet<string> _dockerfilesSeen = new(StringComparer.Ordinal);
    private bool _hasDockerfile;
    private bool _hasContext;
    private int _entries;
    private int _ignored;
    private long _bytes;

    public ContextWriter(Stream output, ContextOptions options)
    {
        Output = new TarOutput(output);
        _options = options;
        Context = Relative(options.Context, nameof(options.Context));
        _prefix = Context.Length == 0 ? [] : Encoding.UTF8.GetBytes(Context + "/");
        _dockerfile = Relative(options.Dockerfile, nameof(options.Dockerfile));
        _dockerfileBytes = Encoding.UTF8.GetBytes(_dockerfile);
        _ownIgnoreBytes = Encoding.UTF8.GetBytes(_dockerfile + ".dockerignore");
    }

    public TarOutput Output { get; }

    /// <summary>The context's folder within the repository; empty for all of it.</summary>
    public string Context { get; }

    /// <summary>Writes the entry's header, if the entry belongs to the context. Its content is then the caller's to write.</summary>
    /// <param name="entry">With its path, and a hard link's target, relative to the repository.</param>
    public async ValueTask<bool> TryBeginAsync(TarEntry entry, CancellationToken cancellationToken)
    {
        if (!Accept(entry))
        {
            return false;
        }

        var link = entry.Type switch
        {
            TarFormat.HardLink => entry.Link.Memory[_prefix.Length..],
            TarFormat.SymbolicLink => entry.Link.Memory,
            _ => default,
        };
        await Output.WriteHeaderAsync(entry, entry.Path.Memory[_prefix.Length..], link, cancellationToken);
        _entries++;
        _bytes += entry.Size;
        return true;
    }

    /// <summary>Whether nothing of a folder can be in the context, so that it need not be walked.</summary>
    public bool IsLeftOut(TarEntry folder) =>
        !_options.Ignore.HasExceptions && !_options.Ignore.IsEmpty && folder.Path.Length > _prefix.Length && IsIgnored(folder.Path.Span[_prefix.Length..]);

    /// <summary>Ends the tar, or says what it lacks.</summary>
    public async ValueTask<ContextSummary> EndAsync(CancellationToken cancellationToken)
    {
        if (!_hasContext)
        {
            throw ContextErrors.ContextMissing(_options.Context);
        }

        if (!_hasDockerfile)
        {
            throw ContextErrors.DockerfileMissing(_dockerfile, _options.Context, _dockerfilesSeen);
        }

        await Output.EndAsync(cancellationToken);
        return new ContextSummary(_entries, _ignored, _bytes);
    }

    public void Dispose() => Output.Dispose();

    private bool Accept(TarEntry entry)
    {
        var path = entry.Path.Span;
        if (TarPath.IsAbsolute(path) || path.Contains((byte)0))
        {
            throw ContextErrors.Hostile(entry.Path.ToString(), "leaves the archive");
        }

        NoteDockerfile(entry);
        if (!path.StartsWith(_prefix) || path.Length == _prefix.Length)
        {
            return false;
        }

        _hasContext = true;
        var inContext = path[_prefix.Length..];
        if (IsIgnored(inContext))
        {
            _ignored++;
            return false;
        }

        Check(entry);
        _hasDockerfile |= inContext.SequenceEqual(_dockerfileBytes) && entry.Type is not TarFormat.Folder;
        return true;
    }

    private bool IsIgnored(ReadOnlySpan<byte> inContext) =>
        !_options.Ignore.IsEmpty
            && !inContext.SequenceEqual(_dockerfileBytes) && !inContext.SequenceEqual(".dockerignore"u8)
            && _options.Ignore.IsIgnored(Encoding.UTF8.GetString(inContext));

    private void Check(TarEntry entry)
    {
        switch (entry.Type)
        {
            case TarFormat.RegularFile or TarFormat.Folder:
                return;
            case TarFormat.SymbolicLink:
                CheckLink(entry);
                return;
            case TarFormat.HardLink when !IsHere(entry.Link.Span):
                throw ContextErrors.Unsafe(entry.Path.ToString(), $"is a hard link to '{entry.Link}', which is not in the context");
            case TarFormat.HardLink:
                return;
            case TarFormat.CharacterDevice or TarFormat.BlockDevice or TarFormat.Fifo:
                throw ContextErrors.Unsafe(entry.Path.ToString(), "is a device or a pipe, which no build context may hold");
            default:
                throw ContextErrors.Unsafe(entry.Path.ToString(), $"is of an unknown kind ('{(char)entry.Type}')");
        }
    }

    /// <summary>
    /// A symbolic link is sent as it is, as the docker command does: nobody here follows it, and the engine resolves it within the image. Only
    /// what is read on the way to the image must not be one that points elsewhere.
    /// </summary>
    private void CheckLink(TarEntry entry)
    {
        var inContext = entry.Path.Span[_prefix.Length..];
        if (entry.Link.Span.Contains((byte)0))
        {
            throw ContextErrors.Hostile(entry.Path.ToString(), "is a symbolic link to what is no path");
        }

        if (inContext.SequenceEqual(_dockerfileBytes) && TarPath.LeavesTree(inContext, entry.Link.Span))
        {
            throw ContextErrors.LinkedAway(entry.Path.ToString(), $"is a symbolic link to '{entry.Link}', which is not in the context: the Dockerfile must be.");
        }

        if (inContext.SequenceEqual(".dockerignore"u8) || inContext.SequenceEqual(_ownIgnoreBytes))
        {
            // GitLab's API answers with the link's text in place of the rules, so what they leave out would be sent.
            throw ContextErrors.LinkedAway(entry.Path.ToString(), $"is a symbolic link to '{entry.Link}', and links are not followed: make it a file.");
        }
    }

    private bool IsHere(ReadOnlySpan<byte> target) =>
        target.StartsWith(_prefix) && target.Length > _prefix.Length && !TarPath.HasParentSegment(target) && !TarPath.IsAbsolute(target)
            && !IsIgnored(target[_prefix.Length..]);

    private void NoteDockerfile(TarEntry entry)
    {
        if (entry.Type is TarFormat.Folder || _dockerfilesSeen.Count == MostNames || !TarPath.LooksLikeDockerfile(entry.Path.Span))
        {
            return;
        }

        _dockerfilesSeen.Add(entry.Path.ToString());
    }

    /// <exception cref="ArgumentException">The path leads out of the repository.</exception>
    internal static string Relative(string path, string name)
    {
        var segments = path.Split('/').Where(segment => segment is not ("" or ".")).ToArray();
        return path.StartsWith('/') || segments.Contains("..")
            ? throw new ArgumentException($"{name} must be a path within the repository, not '{path}'.", name)
            : string.Join('/', segments);
    }
}
