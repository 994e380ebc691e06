using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using ReleaseBot.Engine;
using ReleaseBot.Engine.Building;
using ReleaseBot.Engine.Building.Protocol;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Engine;

public sealed class BuildTraceTests
{
    private readonly Lines _log = new();

    [Fact]
    public void Steps_Are_Numbered_In_The_Order_They_Begin()
    {
        var trace = new BuildTrace(_log);
        trace.Write(new StatusResponse { Vertexes = { Step("a", "[base 1/2] FROM scratch"), Step("b", "[build 2/4] RUN make") } });
        trace.Write(new StatusResponse { Vertexes = { Step("b", "[build 2/4] RUN make", from: 0) } });
        trace.Write(new StatusResponse { Logs = { Out("b", "cc main.c\n") } });
        trace.Write(new StatusResponse { Vertexes = { Step("a", "[base 1/2] FROM scratch", from: 1, to: 1, cached: true), Step("b", "[build 2/4] RUN make", from: 0, to: 1.24) } });
        trace.End(succeeded: true);

        _log.ShouldBe(["#1 [build 2/4] RUN make", "#1 cc main.c", "#2 [base 1/2] FROM scratch", "#2 CACHED", "#1 DONE 1.2s"]);
    }

    [Fact]
    public void Partial_Output_Is_Put_Together_Per_Step_And_Stream()
    {
        var trace = new BuildTrace(_log);
        trace.Write(new StatusResponse { Vertexes = { Step("a", "one", from: 0), Step("b", "two", from: 0) } });
        var snowman = "☃"u8.ToArray();
        trace.Write(new StatusResponse
        {
            Logs =
            {
                Out("a", "he"), Out("b", "other\nta"), Out("a", "warn", stream: 2),
                Out("a", [.. "llo "u8, .. snowman[..1]]), Out("a", [.. snowman[1..], (byte)'\n']), Out("a", "ing\n", stream: 2), Out("b", [0xFF, (byte)'\n']),
            },
        });
        trace.Write(new StatusResponse { Logs = { Out("a", "no end") }, Vertexes = { Step("b", "two", from: 0, to: 0) } });
        trace.Write(new StatusResponse { Vertexes = { Step("a", "one", from: 0, to: 2) } });

        _log.ShouldBe(["#1 one", "#2 two", "#2 other", "#1 hello ☃", "#1 warning", "#2 ta\uFFFD", "#2 DONE 0.0s", "#1 no end", "#1 DONE 2.0s"]);
    }

    [Fact]
    public void A_Failed_Step_Says_So_Once_And_What_It_Cut_Short_Is_Canceled()
    {
        var trace = new BuildTrace(_log);
        trace.Write(new StatusResponse { Vertexes = { Step("a", "RUN false", from: 0), Step("b", "RUN sleep", from: 0), Step("c", "COPY never") } });
        trace.Write(new StatusResponse { Vertexes = { Step("a", "RUN false", from: 0, to: 1, error: "exit code: 1") } });
        trace.Write(new StatusResponse { Vertexes = { Step("a", "RUN false", from: 0, to: 1, error: "exit code: 1"), Step("b", "RUN sleep", from: 0, to: 1, error: "context canceled") } });
        trace.End(succeeded: false);

        _log.ShouldBe(["#1 RUN false", "#2 RUN sleep", "#1 ERROR exit code: 1", "#2 CANCELED"]);
    }

    [Fact]
    public void Steps_That_Another_Build_Ran_Are_Said_To_Be_Shared()
    {
        var trace = new BuildTrace(_log);
        trace.Write(new StatusResponse { Vertexes = { Step("a", "RUN make", from: 0), Step("b", "COPY late") } });
        trace.End(succeeded: true);
        _log.ShouldBe(["#1 RUN make", "#1 shared with another build", "#2 COPY late", "#2 shared with another build"]);
    }

    [Fact]
    public void Repeated_Ends_Parts_And_Warnings_Are_Told_Once_And_Readably()
    {
        var trace = new BuildTrace(_log);
        var layer = new VertexStatus { ID = "exporting layers", Vertex = "a", Completed = At(1), Total = 2_500_000 };
        trace.Write(new StatusResponse { Vertexes = { Step("a", "exporting to image", from: 0) }, Statuses = { layer, new VertexStatus { ID = "running", Vertex = "a" } } });
        trace.Write(new StatusResponse
        {
            Statuses = { layer },
            Warnings = { new VertexWarning { Vertex = "a", Short = ByteString.CopyFromUtf8("Legacy ENV"), Url = "https://docs.docker.com/x" } },
            Vertexes = { Step("a", "exporting to image", from: 0, to: 1), Step("a", "exporting to image", from: 0, to: 1, cached: true) },
        });
        _log.ShouldBe(["#1 exporting to image", "#1 exporting layers 2.50MB done", "#1 DONE 1.0s", "#1 WARNING: Legacy ENV (https://docs.docker.com/x)"]);
    }

    [Theory]
    [InlineData("plain\ttext", "plain\ttext")]
    [InlineData("\u001b[1;31mred\u001b[0m", "\u001b[1;31mred\u001b[0m")]
    [InlineData("\u001b[2K\u001b[1Gclear", "clear")]
    [InlineData("\u001b]0;title\u0007text", "text")]
    [InlineData("\u001b]8;;https://x\u001b\\link\u001b]8;;\u001b\\", "link")]
    [InlineData("a\0b\u0008c\u009bd\u007f", "abcd")]
    [InlineData("\u001bcreset", "reset")]
    [InlineData("10%\r50%\r100%", "100%")]
    [InlineData("line\r", "line")]
    [InlineData("end\u001b", "end")]
    [InlineData("end\u001b[3", "end")]
    [InlineData("\u001b[>4;2mx", "x")]
    public void Output_Keeps_Tabs_And_Colours_And_Nothing_Else_That_Steers(string raw, string clean) => LogText.Clean(raw).ShouldBe(clean);

    [Fact]
    public void What_A_Line_Has_Beyond_The_Longest_Is_Dropped_And_The_Next_Line_Is_Not()
    {
        var buffer = new LineBuffer(_log.WriteLine);
        for (var i = 0; i < 10; i++)
        {
            buffer.Append(new string('x', LineBuffer.LongestLine / 4));
        }

        _log.ShouldBeEmpty();
        buffer.Append("the end\nnext\n");
        _log.ShouldBe([new string('x', LineBuffer.LongestLine), "next"]);
    }

    [Fact]
    public void Progress_That_Rewrites_Its_Line_For_Ever_Ends_With_Its_Last_Word()
    {
        var buffer = new LineBuffer(_log.WriteLine);
        for (var i = 0; i < LineBuffer.LongestLine; i++)
        {
            buffer.Append($"{i} of many\r");
        }

        buffer.Append("\ndone\r\n");
        _log.ShouldBe([$"{LineBuffer.LongestLine - 1} of many", "done"]);
    }

    private static Timestamp At(double seconds) => Timestamp.FromDateTimeOffset(DateTimeOffset.UnixEpoch.AddSeconds(seconds));

    private static Vertex Step(string digest, string name, double? from = null, double? to = null, bool cached = false, string error = "") => new()
    {
        Digest = digest,
        Name = name,
        Cached = cached,
        Error = error,
        Started = from is { } start ? At(start) : null,
        Completed = to is { } end ? At(end) : null,
    };

    private static VertexLog Out(string vertex, string text, long stream = 1) => Out(vertex, System.Text.Encoding.UTF8.GetBytes(text), stream);

    private static VertexLog Out(string vertex, byte[] bytes, long stream = 1) => new() { Vertex = vertex, Stream = stream, Msg = ByteString.CopyFrom(bytes) };

    private sealed class Lines : List<string>, IBuildLog
    {
        public void WriteLine(string line) => Add(line);
    }
}
