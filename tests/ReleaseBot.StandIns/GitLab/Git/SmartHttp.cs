using System.IO.Compression;

namespace ReleaseBot.StandIns.GitLab.Git;

/// <summary>Git's smart HTTP protocol over the real upload-pack and receive-pack (gitprotocol-http(5), and http-backend.c for the details).</summary>
internal sealed class SmartHttp(GitLabStandIn gitLab)
{
    /// <summary>Handles a path such as <c>acme/shop.git/info/refs</c>; false when it is none of git's.</summary>
    public async Task<bool> HandleAsync(HttpContext context, string path)
    {
        var end = path.IndexOf(".git/", StringComparison.Ordinal);
        if (end < 0)
        {
            return false;
        }

        var project = gitLab.FindProject(path[..end]);
        var operation = path[(end + ".git/".Length)..];
        var service = operation switch
        {
            "info/refs" => context.Request.Query["service"].ToString(),
            "git-upload-pack" or "git-receive-pack" => operation,
            _ => null,
        };
        if (service is not ("git-upload-pack" or "git-receive-pack"))
        {
            return false;
        }

        if (gitLab.GitUser(context.Request) is not { } user)
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"GitLab\"";
            await context.Response.WriteAsync("HTTP Basic: Access denied.\n");
            return true;
        }

        if (project is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            await context.Response.WriteAsync("The project you were looking for could not be found or you don't have permission to view it.\n");
            return true;
        }

        await (operation == "info/refs" ? AdvertiseAsync(context, project, service)
            : service == "git-receive-pack" ? ReceiveAsync(context, project, user)
            : ServeAsync(context, project, service));
        return true;
    }

    private async Task AdvertiseAsync(HttpContext context, StandInProject project, string service)
    {
        context.Response.ContentType = $"application/x-{service}-advertisement";
        context.Response.Headers.CacheControl = "no-cache";
        var protocol = Protocol(context, service);
        var (exitCode, output, errors) = await GitCommand.TryAsync(project.Repository.Directory,
            [service["git-".Length..], "--stateless-rpc", "--advertise-refs", "."], null, context.RequestAborted, Environment(protocol));
        if (exitCode != 0)
        {
            throw new InvalidOperationException($"{service} ended with {exitCode}: {errors}");
        }

        if (!protocol.Contains("version=2", StringComparison.Ordinal))
        {
            var line = $"# service={service}\n";
            await context.Response.WriteAsync($"{line.Length + 4:x4}{line}0000");
        }

        await context.Response.Body.WriteAsync(output, context.RequestAborted);
    }

    private async Task ServeAsync(HttpContext context, StandInProject project, string service)
    {
        context.Response.ContentType = $"application/x-{service}-result";
        context.Response.Headers.CacheControl = "no-cache";
        using var process = GitCommand.Start(project.Repository.Directory,
            [service["git-".Length..], "--stateless-rpc", "."], Environment(Protocol(context, service)));
        try
        {
            var errors = process.StandardError.ReadToEndAsync(context.RequestAborted);
            var output = process.StandardOutput.BaseStream.CopyToAsync(context.Response.Body, context.RequestAborted);
            try
            {
                await CopyRequestAsync(context, process.StandardInput.BaseStream);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // git refused before it had read everything; its answer says why.
            }

            await output;
            await process.WaitForExitAsync(context.RequestAborted);
            await errors;
        }
        catch
        {
            GitCommand.Kill(process);
            throw;
        }
    }

    private async Task ReceiveAsync(HttpContext context, StandInProject project, string user)
    {
        await project.Repository.PushLock.WaitAsync(context.RequestAborted);
        try
        {
            await WriteProtectionHookAsync(project, context.RequestAborted);
            var before = await project.Repository.SnapshotAsync(context.RequestAborted);
            await ServeAsync(context, project, "git-receive-pack");
            var after = await project.Repository.SnapshotAsync(CancellationToken.None);
            gitLab.RefsChanged(project, user, before, after);
        }
        finally
        {
            project.Repository.PushLock.Release();
        }
    }

    /// <summary>A protected tag can be made by a push, but neither moved nor deleted (lib/gitlab/checks/tag_check.rb).</summary>
    private static async Task WriteProtectionHookAsync(StandInProject project, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(project.Repository.Directory, "hooks");
        System.IO.Directory.CreateDirectory(folder);
        await File.WriteAllLinesAsync(Path.Combine(folder, "protected-tags"), project.ProtectedTags.All, cancellationToken);
        const string Script = """
            #!/bin/sh
            case "$1" in refs/tags/*) ;; *) exit 0 ;; esac
            case "$2" in *[!0]*) ;; *) exit 0 ;; esac
            while IFS= read -r rule; do
                case "${1#refs/tags/}" in
                $rule)
                    case "$3" in
                    *[!0]*) echo "GitLab: Protected tags cannot be updated." >&2 ;;
                    *) echo "GitLab: You can only delete protected tags using the web interface." >&2 ;;
                    esac
                    exit 1 ;;
                esac
            done < hooks/protected-tags
            exit 0

            """;
        var hook = Path.Combine(folder, "update");
        if (!File.Exists(hook))
        {
            await File.WriteAllTextAsync(hook, Script, cancellationToken);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(hook, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }
        }
    }

    private string Protocol(HttpContext context, string service) =>
        gitLab.Options.AllowsShaWants && service == "git-upload-pack" ? context.Request.Headers["Git-Protocol"].ToString() : "";

    private static Dictionary<string, string> Environment(string protocol) => new() { ["GIT_PROTOCOL"] = protocol };

    private static async Task CopyRequestAsync(HttpContext context, Stream target)
    {
        if (context.Request.Headers.ContentEncoding == "gzip")
        {
            await using var plain = new GZipStream(context.Request.Body, CompressionMode.Decompress);
            await plain.CopyToAsync(target, context.RequestAborted);
        }
        else
        {
            await context.Request.Body.CopyToAsync(target, context.RequestAborted);
        }

        await target.FlushAsync(context.RequestAborted);
    }
}
