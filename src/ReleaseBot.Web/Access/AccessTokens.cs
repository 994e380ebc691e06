using System.Security.Cryptography;
using System.Text;
using ReleaseBot.Core;

namespace ReleaseBot.Web;

/// <summary>The tokens of the configuration, by their hashes.</summary>
internal sealed class AccessTokens(AccessSettings settings)
{
    private readonly (byte[] Hash, AccessToken Token)[] _tokens = [.. settings.Tokens.Select(token => (Hash(token.Secret.Reveal()), token))];

    public bool Any => _tokens.Length > 0;

    /// <summary>Compares with every token, each in fixed time and without stopping at the first that fits; null if none does.</summary>
    public AccessToken? Find(string secret)
    {
        var presented = Hash(secret);
        AccessToken? found = null;
        foreach (var (hash, token) in _tokens)
        {
            if (CryptographicOperations.FixedTimeEquals(presented, hash))
            {
                found = token;
            }
        }

        return found;
    }

    // Hashed, so that neither the length nor the first wrong byte shows in the timing.
    private static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));
}
