namespace ReleaseBot.Hosting;

internal enum Verdict
{
    Ok,
    /// <summary>Nothing is known to be wrong, but something could not be asked.</summary>
    Doubt,
    Failed,
    /// <summary>None of this process's business.</summary>
    LeftOut,
}

/// <param name="Cure">What to do about it; empty where there is nothing to do.</param>
internal sealed record CheckResult(string Subject, Verdict Verdict, string Finding, string Cure)
{
    public static CheckResult Ok(string finding) => new("", Verdict.Ok, finding, "");

    public static CheckResult Doubt(string finding, string cure) => new("", Verdict.Doubt, finding, cure);

    public static CheckResult LeftOut(string why, string cure) => new("", Verdict.LeftOut, $"not looked at: {why}", cure);

    public static CheckResult Failed(string finding, string cure) => new("", Verdict.Failed, finding, cure);
}

/// <param name="Subject">e.g. <c>registry gitlab</c>.</param>
/// <param name="Cure">For whatever <paramref name="Ask"/> throws.</param>
internal sealed record Check(string Subject, string Cure, Func<CancellationToken, Task<CheckResult>> Ask);
