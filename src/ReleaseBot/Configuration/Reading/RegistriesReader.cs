using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

internal static class RegistriesReader
{
    /// <param name="roles">Only the worker role pushes, so only it needs the passwords and the authorities' files: processes may share a file and have each its own secrets.</param>
    public static Dictionary<string, RegistrySettings> Read(SectionReader root, Roles roles)
    {
        Dictionary<string, RegistrySettings> registries = new(ConfigurationKey.Comparer);
        foreach (var (name, reader) in root.Sections(SettingsSchema.Registries))
        {
            registries[name] = Read(name, reader, roles);
        }

        return registries;
    }

    private static RegistrySettings Read(string name, SectionReader reader, Roles roles)
    {
        var insecure = reader.Value(RegistryKeys.Insecure);
        if (reader.TryValue(RegistryKeys.Host, out var host) && insecure && !LoopbackHost.Is(host))
        {
            reader.Report(RegistryKeys.Insecure, "is legal for loopback hosts only (localhost, 127.0.0.0/8, [::1]): over plain HTTP everybody on the way reads the credentials. Give the registry a certificate, and CaFile for a private authority.");
        }

        if (roles.HasFlag(Roles.Worker))
        {
            CheckPair(reader, RegistryKeys.Username, RegistryKeys.Password);
        }

        CheckPair(reader, RegistryKeys.Password, RegistryKeys.Username);
        return new RegistrySettings
        {
            Name = name,
            Host = host ?? "",
            Username = reader.Value(RegistryKeys.Username),
            Password = reader.Value(RegistryKeys.Password),
            Insecure = insecure,
            CaFile = reader.Value(RegistryKeys.CaFile, isNeeded: roles.HasFlag(Roles.Worker)),
            TokenRealm = reader.Value(RegistryKeys.TokenRealm),
        };
    }

    private static void CheckPair(SectionReader reader, SettingNode given, SettingNode missing)
    {
        if (reader.IsGiven(given) && !reader.IsGiven(missing))
        {
            reader.ReportAbsence(missing, $"is required, since {reader.KeyOf(given)} is given.");
        }
    }
}
