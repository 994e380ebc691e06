using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Migrations.Sqlite;

/// <summary>Lets <c>dotnet ef</c> see the model as this database has it. No database is opened.</summary>
internal sealed class DesignTimeFactory : IDesignTimeDbContextFactory<HistoryContext>
{
    public HistoryContext CreateDbContext(string[] args)
    {
        var options = new DbContextOptionsBuilder<HistoryContext>();
        HistoryServices.Configure(options, new StorageSettings { Provider = StorageProvider.Sqlite, ConnectionString = new Secret("Data Source=design.db") });
        return new HistoryContext(options.Options);
    }
}
