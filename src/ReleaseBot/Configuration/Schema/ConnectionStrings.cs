using System.Data.Common;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using Microsoft.Data.Sqlite;
using Npgsql;
using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

/// <summary>Looks into a database's connection string and a broker's URL without telling anybody.</summary>
internal static class ConnectionStrings
{
    private static readonly HashSet<string> UserKeys =
        new(["user", "username", "user name", "userid", "user id", "uid"], StringComparer.OrdinalIgnoreCase);

    private static readonly string[] SourceKeys = ["Data Source", "DataSource", "Filename"];

    public static bool TryParse(string text, [NotNullWhen(true)] out DbConnectionStringBuilder? pairs)
    {
        try
        {
            pairs = new DbConnectionStringBuilder { ConnectionString = text };
            return pairs.Count > 0;
        }
        catch (ArgumentException)
        {
            // Its message quotes the text.
            pairs = null;
            return false;
        }
    }

    /// <summary>Has one of these keys, with a value.</summary>
    public static bool Has(string text, params ReadOnlySpan<string> keys)
    {
        if (TryParse(text, out var pairs))
        {
            foreach (var key in keys)
            {
                if (pairs.TryGetValue(key, out var value) && value is string { Length: > 0 })
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>Names what SQLite is to open.</summary>
    public static bool HasSource(string text) => Has(text, SourceKeys);

    /// <summary>SQLite's ways to say "no file": <c>:memory:</c>, <c>Mode=Memory</c>, and <c>memory</c> in a URI of SQLite's.</summary>
    /// <seealso href="https://www.sqlite.org/inmemorydb.html"/>
    public static bool IsInMemory(string text)
    {
        if (!TryParse(text, out var pairs))
        {
            return false;
        }

        return pairs.TryGetValue("Mode", out var mode) && mode is string word && word.Trim().Equals("Memory", StringComparison.OrdinalIgnoreCase)
            || SourceKeys.Any(key => pairs.TryGetValue(key, out var source) && source is string file && IsMemory(file.Trim()));
    }

    private static bool IsMemory(string file) =>
        file.Equals(":memory:", StringComparison.OrdinalIgnoreCase)
        || file.StartsWith("file:", StringComparison.OrdinalIgnoreCase)
            && (file.Contains(":memory:", StringComparison.OrdinalIgnoreCase) || file.Contains("mode=memory", StringComparison.OrdinalIgnoreCase));

    /// <summary>The first key that the provider's driver does not know, or whose value it does not take; null where there is none.</summary>
    public static string? WrongKey(string text, StorageProvider provider)
    {
        if (!TryParse(text, out var pairs))
        {
            return null;
        }

        foreach (var key in pairs.Keys.Cast<string>())
        {
            try
            {
                DbConnectionStringBuilder driver = provider == StorageProvider.Postgres ? new NpgsqlConnectionStringBuilder() : new SqliteConnectionStringBuilder();
                driver[key] = pairs[key];
            }
            catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidCastException or OverflowException)
            {
                // Its message may quote the value.
                return key;
            }
        }

        return null;
    }

    /// <summary>What the driver does not take together, or at all, though it knows each key; null for nothing.</summary>
    /// <param name="text">One that has no <see cref="WrongKey"/>.</param>
    public static string? WhyRefused(string text, StorageProvider provider)
    {
        if (provider == StorageProvider.Sqlite)
        {
            return new SqliteConnectionStringBuilder(text).Password.Length > 0 ? "has a Password, and this SQLite can't encrypt. Leave it out." : null;
        }

        try
        {
            var settings = new NpgsqlConnectionStringBuilder(text);
            using var source = new NpgsqlDataSourceBuilder(text).Build();
            return settings.Port is > 0 and <= IPEndPoint.MaxPort ? null : "has a Port that is none.";
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException or NotSupportedException)
        {
            // Its message may quote a value.
            return "has values that do not go together, e.g. a Minimum Pool Size above the Maximum Pool Size.";
        }
    }

    /// <summary>Commands of many share connections: Npgsql then refuses to prepare any (NpgsqlCommand.Prepare), and the intake prepares its own.</summary>
    /// <param name="text">One that has no <see cref="WrongKey"/>.</param>
    public static bool IsMultiplexed(string text) => new NpgsqlConnectionStringBuilder(text).Multiplexing;

    /// <summary>The user and password of a database's connection string.</summary>
    public static IEnumerable<Secret> Credentials(string text)
    {
        if (!TryParse(text, out var pairs))
        {
            yield break;
        }

        foreach (var key in pairs.Keys.Cast<string>())
        {
            if ((UserKeys.Contains(key) || IsPassword(key)) && pairs[key] is string { Length: > 0 } value)
            {
                yield return new Secret(value);
                if (value.Length < SecretMask.MinLength)
                {
                    // Too short to be hidden wherever it stands; as PostgreSQL quotes it.
                    yield return new Secret($"\"{value}\"");
                }
            }
        }
    }

    /// <summary>The user and password of a URL, as they stand there and decoded.</summary>
    public static IEnumerable<Secret> UrlCredentials(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.UserInfo.Length == 0)
        {
            return [];
        }

        // The text itself too: Uri re-escapes what it is given.
        var authority = text.Split("://", 2)[^1].Split('/')[0];
        var written = authority.LastIndexOf('@') is > 0 and var at ? authority[..at] : uri.UserInfo;
        return written.Split(':', 2).Concat(uri.UserInfo.Split(':', 2))
            .SelectMany(part => new[] { part, Uri.UnescapeDataString(part) })
            .Where(part => part.Length > 0)
            // What is too short to be hidden wherever it stands, also as addresses are written.
            .SelectMany(part => part.Length < SecretMask.MinLength ? new[] { part, $"{part}@{uri.Host}" } : [part])
            .Distinct(StringComparer.Ordinal)
            .Select(part => new Secret(part));
    }

    private static bool IsPassword(string key) =>
        key.Contains("password", StringComparison.OrdinalIgnoreCase) || key.ToUpperInvariant() is "PWD" or "PSW";
}
