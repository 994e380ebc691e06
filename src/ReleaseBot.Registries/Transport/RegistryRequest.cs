using System.Net;

namespace ReleaseBot.Registries;

/// <summary>One request to a registry, and what is needed to send it again or to tell of its failure.</summary>
internal sealed record RegistryRequest
{
    public required HttpMethod Method { get; init; }

    /// <summary>Relative to the registry's root, e.g. <c>v2/team/app/manifests/1.0</c>, or absolute where the registry named an address.</summary>
    public required string Address { get; init; }

    public required string Repository { get; init; }

    /// <summary>Completes "could not …" in messages, e.g. <c>read the manifest 1.0</c>.</summary>
    public required string What { get; init; }

    /// <summary>What the token must allow; several scopes are separated by spaces.</summary>
    public required string Scope { get; init; }

    public IReadOnlyList<string> Accept { get; init; } = [];

    /// <summary>Makes the body, once for each time that the request is sent.</summary>
    public Func<Watchdog, HttpContent>? Content { get; init; }

    /// <summary>Until the answer's headers are there; null for the usual <see cref="RegistryLimits.Headers"/>.</summary>
    public TimeSpan? Limit { get; init; }

    /// <summary>Statuses besides 2xx that are an answer and not a failure.</summary>
    public IReadOnlyList<HttpStatusCode> Answers { get; init; } = [];
}
