using System.IO.Compression;
using System.Text;
using ReleaseBot.StandIns.GitLab.Git;

namespace ReleaseBot.StandIns.GitLab.Api;

/// <summary>The source archive: a real git archive below GitLab's folder name, with its rate limit and with faults.</summary>
internal sealed class ArchiveRoute(GitLabStandIn gitLab)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, Queue<long>> _served = [];

    public async Task GetAsync(HttpContext context, StandInProject project, IReadOnlyList<StandInFault> faults)
    {
        if (IsOverLimit(project.Id))
        {
            // An application limit: GitLab sends no Retry-After with it (lib/gitlab/repository_archive_rate_limiter.rb).
            await ApiAnswer.WriteAsync(context, 429, new { message = new { error = "This archive has been requested too many times. Try again later." } });
            return;
        }

        var sha = context.Request.Query["sha"].FirstOrDefault() ?? "HEAD";
        if (await project.Repository.FindCommitAsync(sha, context.RequestAborted) is not { } commit)
        {
            await ApiAnswer.NotFoundAsync(context, "File");
            return;
        }

        var folder = $"{project.Name}-{sha.Replace('/', '-')}-{commit.Id}";
        context.Response.ContentType = "application/octet-stream";
        context.Response.Headers.ContentDisposition = $"attachment; filename=\"{folder}.tar.gz\"";
        string[] archive = ["archive", "--format=tar", $"--prefix={folder}/", commit.Id];
        var fault = faults.FirstOrDefault(fault => fault.Kind is StandInFaultKind.ArchiveCut or StandInFaultKind.ArchiveCutAtEntry
            or StandInFaultKind.ArchiveNotGzip or StandInFaultKind.ArchiveSlow);
        if (fault is null)
        {
            await StreamAsync(context, project, archive);
        }
        else
        {
            var (_, tar, _) = await GitCommand.TryAsync(project.Repository.Directory, archive, null, context.RequestAborted);
            await SpoilAsync(context, tar, fault);
        }
    }

    private static async Task StreamAsync(HttpContext context, StandInProject project, string[] archive)
    {
        using var process = GitCommand.Start(project.Repository.Directory, archive);
        try
        {
            process.StandardInput.Close();
            var errors = process.StandardError.ReadToEndAsync(context.RequestAborted);
            await using (var gzip = new GZipStream(context.Response.Body, CompressionLevel.Fastest, leaveOpen: true))
            {
                await process.StandardOutput.BaseStream.CopyToAsync(gzip, context.RequestAborted);
            }

            await process.WaitForExitAsync(context.RequestAborted);
            await errors;
        }
        catch
        {
            GitCommand.Kill(process);
            throw;
        }
    }

    private static async Task SpoilAsync(HttpContext context, byte[] tar, StandInFault fault)
    {
        var body = context.Response.Body;
        switch (fault.Kind)
        {
            case StandInFaultKind.ArchiveNotGzip:
                await body.WriteAsync("<html><body>GitLab is not responding</body></html>"u8.ToArray(), context.RequestAborted);
                break;
            case StandInFaultKind.ArchiveCutAtEntry:
                await body.WriteAsync(Gzip(tar.AsSpan(0, HalfOfTheEntries(tar))), context.RequestAborted);
                break;
            case StandInFaultKind.ArchiveCut:
                var whole = Gzip(tar);
                await body.WriteAsync(whole.AsMemory(0, whole.Length / 2), context.RequestAborted);
                await body.FlushAsync(context.RequestAborted);
                context.Abort();
                break;
            default:
                var slow = Gzip(tar);
                await body.WriteAsync(slow.AsMemory(0, slow.Length / 2), context.RequestAborted);
                await body.FlushAsync(context.RequestAborted);
                await Task.Delay(TimeSpan.FromSeconds(fault.DelaySeconds), TimeProvider.System, context.RequestAborted);
                await body.WriteAsync(slow.AsMemory(slow.Length / 2), context.RequestAborted);
                break;
        }
    }

    /// <summary>Where an entry begins, half-way through the entries.</summary>
    private static int HalfOfTheEntries(byte[] tar)
    {
        var starts = new List<int>();
        for (var at = 0; at + 512 <= tar.Length && tar[at] != 0;)
        {
            starts.Add(at);
            var size = Convert.ToInt64(Encoding.ASCII.GetString(tar, at + 124, 11).Trim('\0', ' '), 8);
            at += 512 + (int)((size + 511) / 512 * 512);
        }

        return starts[(starts.Count + 1) / 2];
    }

    private static byte[] Gzip(ReadOnlySpan<byte> bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }

    private bool IsOverLimit(long project)
    {
        if (gitLab.Options.ArchiveLimitPerMinute is not { } limit)
        {
            return false;
        }

        var time = TimeProvider.System;
        lock (_lock)
        {
            if (!_served.TryGetValue(project, out var served))
            {
                _served[project] = served = new Queue<long>();
            }

            while (served.TryPeek(out var first) && time.GetElapsedTime(first) > TimeSpan.FromMinutes(1))
            {
                served.Dequeue();
            }

            if (served.Count >= limit)
            {
                return true;
            }

            served.Enqueue(time.GetTimestamp());
            return false;
        }
    }
}
