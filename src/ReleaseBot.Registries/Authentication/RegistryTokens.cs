using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using ReleaseBot.Core;

namespace ReleaseBot.Registries;

/// <summary>
/// What to put into the Authorization header for a scope: nothing until the registry asks, then Basic, or a bearer token of its realm
/// (https://distribution.github.io/distribution/spec/auth/token/). Tokens are kept per scope and replaced before they end.
/// </summary>
internal sealed class RegistryTokens(
    RegistrySettings registry, TrustedRealms realms, HttpMessageInvoker http, Failures failures, Silences silences, RegistryLimits limits, TimeProvider time) : IDisposable
{
    // What the specification has a client assume where the answer does not say.
    private static readonly TimeSpan DefaultLifetime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LongestMargin = TimeSpan.FromSeconds(30);
    private const int MaxTokens = 1000;
    private const int MaxAnswerBytes = 256 * 1024;

    private readonly Dictionary<string, Token> _tokens = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _lock = new(1, 1);
    private Realm? _realm;
    private bool _basic;

    /// <summary>What the registry is known to want; null where it has not asked for anything yet.</summary>
    public async Task<AuthenticationHeaderValue?> CurrentAsync(string scope, CancellationToken cancellationToken)
    {
        await _lock.WaitAsync(cancellationToken);
        try
        {
            return _basic ? Basic()
                : Cached(scope) ?? (_realm is { } realm ? await FetchAsync(realm, scope, cancellationToken) : null);
        }
        finally
        {
            _lock.Release();
        }
    }

    /// <summary>
    /// Answers the challenges of a 401. Null means that there is nothing better than what was <paramref name="rejected"/>.
    /// </summary>
    public async Task<AuthenticationHeaderValue?> AnswerAsync(
        IReadOnlyList<Challenge> challenges, RegistryRequest request, AuthenticationHeaderValue? rejected, CancellationToken cancellationToken)
    {
        await _lock.WaitAsync(cancellationToken);
        try
        {
            if (challenges.FirstOrDefault(challenge => challenge.IsBearer && challenge.Parameter("realm") is not null) is { } bearer)
            {
                (_realm, _basic) = (Trusted(bearer), false);
                // Another request may have fetched a new one while this one was under way.
                return Cached(request.Scope) is { } other && !other.Equals(rejected) ? other
                    : await FetchAsync(_realm, request.Scope, cancellationToken);
            }

            if (!challenges.Any(challenge => challenge.IsBasic) || rejected?.Scheme == "Basic")
            {
                return null;
            }

            (_realm, _basic) = (null, true);
            return Basic() ?? throw failures.NoCredentials(request);
        }
        finally
        {
            _lock.Release();
        }
    }

    public void Dispose() => _lock.Dispose();

    private AuthenticationHeaderValue? Basic() => registry is { Username: { } user, Password: { } password }
        ? new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password.Reveal()}")))
        : null;

    private AuthenticationHeaderValue? Cached(string scope) =>
        _tokens.TryGetValue(scope, out var token) && time.GetElapsedTime(token.FetchedAt) < token.UsableFor ? token.Header : null;

    private Realm Trusted(Challenge bearer)
    {
        var address = bearer.Parameter("realm")!;
        return Uri.TryCreate(address, UriKind.Absolute, out var realm) && realms.Trusts(registry, realm)
            ? new Realm(realm, bearer.Parameter("service"))
            : throw failures.UntrustedRealm(realm is null ? "an address that can't be read" : $"{realm.Scheme}://{realm.Authority}{realm.AbsolutePath}");
    }

    private async Task<AuthenticationHeaderValue> FetchAsync(Realm realm, string scope, CancellationToken cancellationToken)
    {
        _tokens.Remove(scope);
        silences.ThrowIfSilent(realm.Address, failures.AboutToken(realm.Address));
        using var message = new HttpRequestMessage(HttpMethod.Get, realm.For(scope, registry.Username));
        message.Headers.Authorization = Basic();
        using var watchdog = new Watchdog(limits.Headers, time, cancellationToken);
        try
        {
            var asked = time.GetTimestamp();
            using var response = await http.SendAsync(message, watchdog.Token);
            if (!response.IsSuccessStatusCode)
            {
                throw failures.RealmAnswered(realm.Address, response, await Bodies.ReadErrorAsync(response, limits, time, cancellationToken));
            }

            var (value, lifetime) = Read(await Bodies.ReadAsync(response, MaxAnswerBytes, watchdog.Token));
            var header = value is null
                ? throw new RegistryException(RegistryFault.Corrupt, $"{failures.AboutToken(realm.Address)}: its answer holds none.")
                : new AuthenticationHeaderValue("Bearer", value);
            var margin = lifetime / 4 < LongestMargin ? lifetime / 4 : LongestMargin;
            Keep(scope, new Token(header, asked, lifetime - margin));
            return header;
        }
        catch (OperationCanceledException exception) when (watchdog.HasBitten)
        {
            throw silences.Begin(realm.Address, Failures.TimedOut(failures.AboutToken(realm.Address), watchdog.Limit, exception));
        }
        catch (Exception exception) when (Transient.IsNetwork(exception))
        {
            throw failures.Unreachable(failures.AboutToken(realm.Address), exception);
        }
    }

    private void Keep(string scope, Token token)
    {
        if (_tokens.Count >= MaxTokens)
        {
            _tokens.Clear();
        }

        _tokens[scope] = token;
    }

    private static (string? Value, TimeSpan Lifetime) Read(byte[]? json)
    {
        try
        {
            using var document = JsonDocument.Parse(json ?? []);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                return (null, default);
            }

            var lifetime = root.TryGetProperty("expires_in", out var seconds) && seconds.TryGetInt32(out var count) && count > 0
                ? TimeSpan.FromSeconds(count)
                : DefaultLifetime;
            return (Text(root, "token") ?? Text(root, "access_token"), lifetime);
        }
        catch (JsonException)
        {
            return (null, default);
        }
    }

    // Only what may stand in a header: a token is one word of visible ASCII.
    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text
        && !text.AsSpan().ContainsAnyExceptInRange('!', '~')
            ? text
            : null;

    private sealed record Token(AuthenticationHeaderValue Header, long FetchedAt, TimeSpan UsableFor);

    private sealed record Realm(Uri Address, string? Service)
    {
        public Uri For(string scope, string? account)
        {
            List<string> query = [];
            if (Address.Query is { Length: > 1 } own)
            {
                query.Add(own[1..]);
            }

            if (Service is not null)
            {
                query.Add($"service={Uri.EscapeDataString(Service)}");
            }

            if (account is not null)
            {
                query.Add($"account={Uri.EscapeDataString(account)}");
            }

            query.AddRange(scope.Split(' ').Select(part => $"scope={Uri.EscapeDataString(part)}"));
            return new UriBuilder(Address) { Query = string.Join('&', query), Fragment = "" }.Uri;
        }
    }
}
