using System.Collections.Frozen;

namespace ReleaseBot.Configuration;

/// <summary>
/// What one source gives, flat. An empty array is its path with an empty value; null is null and means "as if not given, here and in earlier sources".
/// </summary>
/// <param name="Source">For people, e.g. <c>appsettings.json</c> or <c>the environment</c>.</param>
internal sealed record ConfigurationLayer(string Source, IReadOnlyList<KeyValuePair<string, string?>> Values)
{
    /// <summary>Keys whose null in <see cref="Values"/> stands for <c>{}</c>, which is there and undoes nothing.</summary>
    public IReadOnlySet<string> EmptyObjects { get; init; } = FrozenSet<string>.Empty;
}
