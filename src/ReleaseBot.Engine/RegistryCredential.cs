using ReleaseBot.Core;

namespace ReleaseBot.Engine;

/// <summary>Who pulls or pushes at a registry.</summary>
/// <param name="Host">Host and optional port, e.g. <c>registry.example:5000</c>; Docker Hub's is <c>docker.io</c>.</param>
public sealed record RegistryCredential(string Host, string Username, Secret Password);
