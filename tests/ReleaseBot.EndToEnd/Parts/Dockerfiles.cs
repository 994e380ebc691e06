namespace ReleaseBot.EndToEnd.Parts;

/// <summary>Dockerfiles that need nothing from outside: what they run is the busybox beside them.</summary>
internal static class Dockerfiles
{
    public const string SlowStep = "the slow step begins";

    public const string Plain = Start +
        """

        ARG VERSION
        RUN ["/bin/busybox", "sh", "-c", "echo building $VERSION > /version.txt"]
        CMD ["/bin/busybox", "cat", "/version.txt"]
        """;

    /// <summary>A few seconds in one step.</summary>
    public const string Slow = Start +
        $"""

        RUN ["/bin/busybox", "sh", "-c", "echo {SlowStep}; /bin/busybox sleep 4"]
        """;

    /// <summary>Longer than a stopping bot waits for its builds.</summary>
    public const string VerySlow = Start +
        $"""

        RUN ["/bin/busybox", "sh", "-c", "echo {SlowStep}; /bin/busybox sleep 13"]
        """;

    /// <summary>An odd number of seconds, by which the process is known.</summary>
    public const string EndlessSleep = "3601";

    /// <summary>Its one step does not end by itself.</summary>
    public const string Endless = Start +
        $"""

        RUN ["/bin/busybox", "sh", "-c", "echo {SlowStep}; /bin/busybox sleep {EndlessSleep}"]
        """;

    private const string Start =
        """
        FROM scratch
        COPY busybox /bin/busybox
        COPY page.txt /page.txt
        """;
}
