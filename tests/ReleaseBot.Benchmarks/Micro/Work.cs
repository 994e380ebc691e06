namespace ReleaseBot.Benchmarks.Micro;

/// <summary>A benchmark of something that does not do its work would look fast.</summary>
internal static class Work
{
    public static void Expect(bool isDone, string what)
    {
        if (!isDone)
        {
            throw new InvalidOperationException($"The benchmark does not do its work: it is expected that {what}.");
        }
    }
}
