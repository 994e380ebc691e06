using Microsoft.Extensions.DependencyInjection;
using ReleaseBot.Core;
using ReleaseBot.History;

namespace ReleaseBot.Benchmarks;

/// <summary>The service's own classes over a database of the bench's, for what is measured within this process.</summary>
internal static class BenchServices
{
    public static ServiceProvider Over(StorageSettings storage) => new ServiceCollection().AddLogging()
        .AddSingleton(TimeProvider.System).AddSingleton(storage).AddSingleton(new RetentionSettings()).AddReleaseBotHistory().BuildServiceProvider();
}
