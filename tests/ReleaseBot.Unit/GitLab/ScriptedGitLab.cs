using System.Collections.Concurrent;
using System.Net;
using System.Text;

namespace ReleaseBot.Unit.GitLab;

/// <summary>A GitLab that gives the answers it was told to, in order, and remembers what was asked. More requests than answers are an error.</summary>
internal sealed class ScriptedGitLab : HttpMessageHandler
{
    private readonly ConcurrentQueue<Func<HttpRequestMessage, HttpResponseMessage>> _answers = new();

    public ConcurrentQueue<(HttpMethod Method, string Url, string? Token, string UserAgent, string? Body)> Requests { get; } = new();

    public ScriptedGitLab Then(HttpStatusCode status, string body = "", Action<HttpResponseMessage>? change = null)
    {
        _answers.Enqueue(_ =>
        {
            var response = new HttpResponseMessage(status) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
            change?.Invoke(response);
            return response;
        });
        return this;
    }

    public ScriptedGitLab ThenContent(Func<HttpContent> content)
    {
        _answers.Enqueue(_ => new HttpResponseMessage(HttpStatusCode.OK) { Content = content() });
        return this;
    }

    public ScriptedGitLab ThenThrow(Exception exception)
    {
        _answers.Enqueue(_ => throw exception);
        return this;
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var token = request.Headers.TryGetValues("PRIVATE-TOKEN", out var values) ? values.Single() : null;
        var body = request.Content is null ? null : await request.Content.ReadAsStringAsync(cancellationToken);
        Requests.Enqueue((request.Method, request.RequestUri!.AbsoluteUri, token, request.Headers.UserAgent.ToString(), body));
        return _answers.TryDequeue(out var answer)
            ? answer(request)
            : throw new InvalidOperationException($"No answer is left for {request.Method} {request.RequestUri}.");
    }
}
