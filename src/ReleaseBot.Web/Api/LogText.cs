using Microsoft.AspNetCore.Http;
using ReleaseBot.History;

namespace ReleaseBot.Web;

/// <summary>A log as plain text, read and sent a few pieces at a time.</summary>
internal static class LogText
{
    private const int PiecesAtATime = 8;

    public static async Task WriteAsync(HttpContext context, Guid releaseId, long after, ReleaseLogStore logs, CancellationToken cancellationToken)
    {
        var pieces = await logs.ReadAsync(releaseId, after, PiecesAtATime, cancellationToken);
        context.Response.ContentType = "text/plain; charset=utf-8";
        while (pieces.Count > 0)
        {
            foreach (var piece in pieces)
            {
                await context.Response.Body.WriteAsync(piece.Text, cancellationToken);
            }

            pieces = pieces.Count == PiecesAtATime ? await logs.ReadAsync(releaseId, pieces[^1].Sequence, PiecesAtATime, cancellationToken) : [];
        }
    }
}
