using ReleaseBot.Parts;
using Xunit;

[assembly: System.Diagnostics.CodeAnalysis.ExcludeFromCodeCoverage]
[assembly: AssemblyFixture(typeof(PostgresServer))]
