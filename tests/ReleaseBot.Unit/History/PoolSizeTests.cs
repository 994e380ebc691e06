using Microsoft.EntityFrameworkCore;
using Npgsql;
using ReleaseBot.Core;
using ReleaseBot.History;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.History;

public sealed class PoolSizeTests
{
    /// <summary>What PostgreSQL allows as it comes, less what it keeps for its superuser.</summary>
    private const int Allowed = 97;

    [Fact]
    public void Six_Processes_That_Listen_Besides_Fit_A_Database_As_It_Comes() =>
        (6 * (PoolOf("Host=db") + 1)).ShouldBeLessThanOrEqualTo(Allowed);

    [Theory]
    [InlineData("Maximum Pool Size=40", 40)]
    [InlineData("MaxPoolSize=100", 100)]
    [InlineData("maximum pool size = 3", 3)]
    [InlineData("Minimum Pool Size=30", 30)]
    public void The_Connection_String_Has_The_Last_Word(string part, int expected) => PoolOf($"Host=db;{part}").ShouldBe(expected);

    private static int PoolOf(string connectionString)
    {
        var options = new DbContextOptionsBuilder<HistoryContext>();
        HistoryServices.Configure(options, new StorageSettings { Provider = StorageProvider.Postgres, ConnectionString = new Secret(connectionString) });
        using var context = new HistoryContext(options.Options);
        return new NpgsqlConnectionStringBuilder(context.Database.GetConnectionString()).MaxPoolSize;
    }
}
