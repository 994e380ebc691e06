using System.Collections.Concurrent;

namespace ReleaseBot.GitLab;

/// <summary>
/// Answers with their ETags, so that one which has not changed need not be sent again. GitLab makes the tag of the whole answer
/// (Rack::ETag), and its rate limit counts a 304 too: what is saved is the transfer alone.
/// </summary>
/// <param name="maxBytes">Of all bodies together; the oldest go.</param>
internal sealed class ConditionalCache(long maxBytes)
{
    private readonly ConcurrentDictionary<Uri, (string Tag, GitLabAnswer Answer)> _answers = new();
    private readonly ConcurrentQueue<Uri> _order = new();
    private long _bytes;

    public (string Tag, GitLabAnswer Answer)? Find(Uri url) => _answers.TryGetValue(url, out var known) ? known : null;

    public void Keep(Uri url, string tag, GitLabAnswer answer)
    {
        var isNew = true;
        _answers.AddOrUpdate(url, _ => (tag, answer), (_, earlier) =>
        {
            isNew = false;
            Interlocked.Add(ref _bytes, -earlier.Answer.Body.Length);
            return (tag, answer);
        });
        if (isNew)
        {
            _order.Enqueue(url);
        }

        Interlocked.Add(ref _bytes, answer.Body.Length);
        while (Interlocked.Read(ref _bytes) > maxBytes && _order.TryDequeue(out var oldest))
        {
            if (_answers.TryRemove(oldest, out var removed))
            {
                Interlocked.Add(ref _bytes, -removed.Answer.Body.Length);
            }
        }
    }
}
