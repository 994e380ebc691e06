using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

internal static class AccessReader
{
    public static AccessSettings Read(SectionReader access)
    {
        List<AccessToken> tokens = [];
        foreach (var reader in access.Sections(AccessKeys.Tokens))
        {
            var scopes = reader.Values(AccessTokenKeys.Scopes).Select(scope => scope.Value).ToHashSet();
            var isWhole = reader.TryValue(AccessTokenKeys.Name, out var name) & reader.TryValue(AccessTokenKeys.Secret, out var secret);
            if (isWhole)
            {
                CheckUnique(reader, name!, secret!, tokens);
                tokens.Add(new AccessToken(name!, secret!, scopes));
            }
        }

        return new AccessSettings { Tokens = tokens, AnonymousRead = access.Value(AccessKeys.AnonymousRead) };
    }

    /// <summary>What a token's holder does is recorded under its name, so neither may be shared.</summary>
    private static void CheckUnique(SectionReader reader, string name, Secret secret, IEnumerable<AccessToken> earlier)
    {
        foreach (var token in earlier)
        {
            if (token.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                reader.Report(AccessTokenKeys.Name, $"\"{name}\" is the name of an earlier token too; each needs its own.");
            }

            if (token.Secret.Equals(secret))
            {
                reader.Report(AccessTokenKeys.Secret, $"is the secret of \"{token.Name}\" too; each token needs its own.");
            }
        }
    }
}
