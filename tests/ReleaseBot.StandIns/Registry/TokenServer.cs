using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

namespace ReleaseBot.StandIns.Registry;

/// <summary>Somebody who may ask for tokens.</summary>
public sealed record TokenUser(string Name, string Password)
{
    /// <summary>What the user may do in a repository: any of <c>pull</c>, <c>push</c>, <c>delete</c>.</summary>
    public Func<string, IReadOnlyCollection<string>> Actions { get; init; } = _ => ["pull", "push", "delete"];
}

public sealed record TokenServerOptions
{
    public required IReadOnlyList<TokenUser> Users { get; init; }

    /// <summary>Where the certificate that registries trust is written; made if it does not exist.</summary>
    public required string Directory { get; init; }

    public string Url { get; init; } = "http://127.0.0.1:0";

    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>A request for a token, as it was answered.</summary>
public sealed record TokenRequest(string? Account, IReadOnlyList<string> Scopes, bool IsGranted);

/// <summary>
/// A token server as GitLab's /jwt/auth: Basic credentials in, an RS256 token with x5c out, whose <c>access</c> holds what the user may do
/// of what was asked; the rest is left out without a word. Anonymous callers get a token that allows nothing.
/// </summary>
public sealed class TokenServer : IAsyncDisposable
{
    public const string Issuer = "gitlab-issuer";
    public const string Service = "container_registry";

    private readonly TokenServerOptions _options;
    private readonly ConcurrentQueue<TokenRequest> _requests = new();
    private readonly RSA _key = RSA.Create(2048);
    private readonly X509Certificate2 _certificate;
    private readonly WebApplication _app;
    private int _stale;

    private TokenServer(TokenServerOptions options)
    {
        _options = options;
        Directory.CreateDirectory(options.Directory);
        CertificateFile = Path.Combine(options.Directory, "token-server.pem");
        var now = options.Time.GetUtcNow();
        var request = new CertificateRequest("CN=Token server", _key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _certificate = request.CreateSelfSigned(now.AddHours(-1), now.AddDays(7));
        File.WriteAllText(CertificateFile, _certificate.ExportCertificatePem());

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(options.Url);
        _app = builder.Build();
        _app.MapMethods("/jwt/auth", ["GET", "POST"], AnswerAsync);
    }

    /// <summary>The realm for the registry's configuration.</summary>
    public Uri Realm => new(new Uri(_app.Urls.First()), "/jwt/auth");

    /// <summary>The registry's <c>rootcertbundle</c>.</summary>
    public string CertificateFile { get; }

    /// <summary>How long the tokens are good for, as they say and as the answer says.</summary>
    public TimeSpan Lifetime { get; set; } = TimeSpan.FromMinutes(5);

    public IReadOnlyList<TokenRequest> Requests => [.. _requests];

    public static async Task<TokenServer> StartAsync(TokenServerOptions options, CancellationToken cancellationToken)
    {
        var server = new TokenServer(options);
        await server._app.StartAsync(cancellationToken);
        return server;
    }

    /// <summary>Has the next tokens ended before they are used, as a long push sees it. Registries allow a minute's leeway; this is beyond it.</summary>
    public void EndNext(int count) => Interlocked.Exchange(ref _stale, count);

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _certificate.Dispose();
        _key.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        // Docker's daemon asks by GET with Basic, BuildKit by POST with a form.
        var form = context.Request.HasFormContentType ? await context.Request.ReadFormAsync(context.RequestAborted) : FormCollection.Empty;
        string[] scopes = [.. context.Request.Query["scope"].Concat(form["scope"]).SelectMany(scope => scope!.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
        var (name, password) = Credentials(context.Request.Headers.Authorization.ToString(), form);
        var user = _options.Users.FirstOrDefault(user => user.Name == name && user.Password == password);
        var isGranted = user is not null || name is null;
        _requests.Enqueue(new TokenRequest(name, scopes, isGranted));
        if (!isGranted)
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            await context.Response.WriteAsJsonAsync(
                new { errors = new[] { new { code = "UNAUTHORIZED", message = "HTTP Basic: Access denied." } } }, context.RequestAborted);
            return;
        }

        var token = Sign(name ?? "", [.. scopes.Select(scope => Grant(scope, user)).OfType<Access>()]);
        await context.Response.WriteAsJsonAsync(
            new Dictionary<string, object> { ["token"] = token, ["access_token"] = token, ["expires_in"] = (int)Lifetime.TotalSeconds }, context.RequestAborted);
    }

    private static (string? Name, string? Password) Credentials(string authorization, IFormCollection form)
    {
        if (authorization.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
        {
            var pair = Encoding.UTF8.GetString(Convert.FromBase64String(authorization[6..]));
            var colon = pair.IndexOf(':', StringComparison.Ordinal);
            return colon < 0 ? (pair, null) : (pair[..colon], pair[(colon + 1)..]);
        }

        return form.ContainsKey("username") ? (form["username"].ToString(), form["password"].ToString()) : (null, null);
    }

    private static Access? Grant(string scope, TokenUser? user)
    {
        var (first, last) = (scope.IndexOf(':', StringComparison.Ordinal), scope.LastIndexOf(':'));
        if (first < 0 || first == last || user is null)
        {
            return null;
        }

        var repository = scope[(first + 1)..last];
        string[] actions = [.. scope[(last + 1)..].Split(',').Intersect(user.Actions(repository))];
        return actions.Length == 0 ? null : new Access(scope[..first], repository, actions);
    }

    private string Sign(string subject, IReadOnlyList<Access> access)
    {
        var isStale = Interlocked.Decrement(ref _stale) >= 0;
        var now = _options.Time.GetUtcNow().AddHours(isStale ? -1 : 0);
        var head = Part(new { typ = "JWT", alg = "RS256", x5c = new[] { Convert.ToBase64String(_certificate.RawData) } });
        var body = Part(new
        {
            iss = Issuer,
            sub = subject,
            aud = Service,
            exp = now.Add(Lifetime).ToUnixTimeSeconds(),
            nbf = now.AddSeconds(-5).ToUnixTimeSeconds(),
            iat = now.ToUnixTimeSeconds(),
            jti = Guid.CreateVersion7(_options.Time.GetUtcNow()).ToString(),
            access = access.Select(entry => new { type = entry.Type, name = entry.Name, actions = entry.Actions }),
        });
        var signature = _key.SignData(Encoding.ASCII.GetBytes($"{head}.{body}"), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return $"{head}.{body}.{System.Buffers.Text.Base64Url.EncodeToString(signature)}";
    }

    private static string Part<T>(T value) => System.Buffers.Text.Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(value));

    private sealed record Access(string Type, string Name, IReadOnlyList<string> Actions);
}
