using ReleaseBot.Core;

namespace ReleaseBot.Configuration;

/// <summary>Reads where the history lives and what wakes workers: both must be something that all processes can share.</summary>
internal static class StorageReader
{
    public static StorageSettings ReadStorage(SectionReader storage, Roles roles)
    {
        var isGiven = storage.IsGiven(StorageKeys.ConnectionString);
        var isLegal = storage.TryValue(StorageKeys.ConnectionString, out var connection);
        if (!storage.TryValue(StorageKeys.Provider, out var provider))
        {
            return new StorageSettings();
        }

        if (provider == StorageProvider.Postgres && !isGiven)
        {
            storage.Report(StorageKeys.ConnectionString, "is required with Postgres, e.g. Host=db;Database=releasebot;Username=releasebot;Password=….");
        }
        else if (isLegal && provider == StorageProvider.Postgres && !ConnectionStrings.Has(connection!.Reveal(), "Host", "Server"))
        {
            storage.Report(StorageKeys.ConnectionString, "must name a Host, since the provider is Postgres.");
        }
        else if (isLegal && provider == StorageProvider.Sqlite && !ConnectionStrings.HasSource(connection!.Reveal()))
        {
            storage.Report(StorageKeys.ConnectionString, $"must be Data Source=FILE, since the provider is Sqlite; for a server set {storage.KeyOf(StorageKeys.Provider)} to Postgres.");
        }
        else if (isLegal && provider == StorageProvider.Sqlite && ConnectionStrings.IsInMemory(connection!.Reveal()))
        {
            storage.Report(StorageKeys.ConnectionString, "names a database in memory, which every connection would have for itself and a restart would lose. Name a file, e.g. Data Source=releasebot.db.");
        }
        else if (isLegal && isGiven && ConnectionStrings.WrongKey(connection!.Reveal(), provider) is { } wrong)
        {
            storage.Report(StorageKeys.ConnectionString, $"has the key \"{wrong}\", which {provider} does not know or whose value it does not take.");
        }
        else if (isLegal && isGiven && ConnectionStrings.WhyRefused(connection!.Reveal(), provider) is { } refused)
        {
            storage.Report(StorageKeys.ConnectionString, refused);
        }
        else if (isLegal && provider == StorageProvider.Postgres && ConnectionStrings.IsMultiplexed(connection!.Reveal()))
        {
            storage.Report(StorageKeys.ConnectionString, "has Multiplexing on, with which the driver prepares no statements, and no delivery could be stored. Leave it out.");
        }

        if (provider == StorageProvider.Sqlite && IsSplit(roles))
        {
            storage.Report(StorageKeys.Provider, $"Sqlite serves one process with both roles only. {Split(roles)} Set it to Postgres, or run --roles web,worker.");
        }

        return new StorageSettings { Provider = provider, ConnectionString = connection ?? new Secret(StorageKeys.SqliteDefault) };
    }

    public static BusSettings ReadBus(SectionReader bus, Roles roles)
    {
        var uri = bus.Value(BusKeys.Uri);
        if (!bus.TryValue(BusKeys.Transport, out var transport))
        {
            return new BusSettings();
        }

        if (transport == BusTransport.RabbitMq && roles != Roles.None && !bus.IsGiven(BusKeys.Uri))
        {
            bus.Report(BusKeys.Uri, $"is required with RabbitMq: {BusKeys.Uri.Legal}.");
        }
        else if (transport == BusTransport.InMemory && bus.IsGiven(BusKeys.Uri))
        {
            bus.Report(BusKeys.Uri, $"is given, but {bus.KeyOf(BusKeys.Transport)} is InMemory. Set it to RabbitMq, or leave the address out.");
        }

        if (transport == BusTransport.InMemory && IsSplit(roles))
        {
            bus.Report(BusKeys.Transport, $"InMemory serves one process with both roles only. {Split(roles)} Set it to RabbitMq, or run --roles web,worker.");
        }

        return new BusSettings { Transport = transport, Uri = uri };
    }

    private static bool IsSplit(Roles roles) => roles is Roles.Web or Roles.Worker;

    private static string Split(Roles roles) => $"This one has the {roles.ToString().ToLowerInvariant()} role alone, so the other must run elsewhere.";
}
