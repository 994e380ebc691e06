using System.Text.Json;
using Google.Protobuf;
using ReleaseBot.Engine.Building.Protocol;
using ReleaseBot.Engine.Connection;

namespace ReleaseBot.Engine.Building;

/// <summary>
/// Reads the answer to a build, of either builder, into the log, the image's id and the error. The engine answers 200 before it builds, so only
/// the end of the stream tells.
/// </summary>
internal sealed class BuildStream
{
    /// <summary>More in a row than an engine that is sound ever sends.</summary>
    public const int ManyEmptyTraces = 1000;

    private readonly NoSpace _log;
    private readonly BuildTrace _trace;
    private readonly LineBuffer _classic;

    public BuildStream(IBuildLog log)
    {
        _log = new NoSpace(log);
        _trace = new BuildTrace(_log);
        _classic = new LineBuffer(_log.WriteLine);
    }

    public string? ImageId { get; private set; }

    public string? Error { get; private set; }

    /// <summary>The last lines tell of a full disk.</summary>
    public bool FoundNoSpace => _log.WasSaid;

    /// <summary>Traces without a word in them, since the last one that had any.</summary>
    public int EmptyTraces { get; private set; }

    /// <summary>
    /// The engine tells nothing more of the build's progress, and will not end its answer. The BuildKit of dockerd 20.10 gets there where a step has
    /// printed more than 1 MB that it has not told yet: it splits that, and sends what is left, nothing, over and over
    /// (<c>Controller.Status</c> in control/control.go). The image's id still comes, and of a failing build nothing.
    /// </summary>
    public bool IsAdrift => EmptyTraces >= ManyEmptyTraces;

    public void Read(JsonElement message)
    {
        Error = message.Error() ?? Error;
        switch (message.Text("id"))
        {
            case "moby.buildkit.trace":
                Trace(message);
                break;
            case "moby.image.id":
                ImageId = message.Aux("ID") ?? ImageId;
                break;
            default:
                // The classic builder names the image of every stage; the last one counts.
                ImageId = message.Aux("ID") ?? ImageId;
                Classic(message);
                break;
        }
    }

    public void End()
    {
        if (!IsAdrift)
        {
            _trace.End(succeeded: Error is null && ImageId is not null);
        }

        _classic.Flush();
    }

    private void Trace(JsonElement message)
    {
        try
        {
            var aux = message.Text("aux");
            if (aux is "")
            {
                DriftOn();
            }
            else if (aux is not null)
            {
                EmptyTraces = 0;
                _trace.Write(StatusResponse.Parser.ParseFrom(Convert.FromBase64String(aux)));
            }
        }
        catch (Exception fault) when (fault is FormatException or InvalidProtocolBufferException)
        {
            // Progress alone; an engine that words it differently builds all the same.
            _log.WriteLine("(a line of the engine's progress could not be read)");
        }
    }

    private void DriftOn()
    {
        EmptyTraces++;
        if (EmptyTraces == ManyEmptyTraces)
        {
            _log.WriteLine("[the engine tells no more of this build, which goes on: a step printed faster than it could tell, and dockerd 20.10 does not recover from that]");
        }
    }

    private void Classic(JsonElement message)
    {
        if (message.Text("stream") is { } text)
        {
            _classic.Append(text);
        }
        else if (message.Text("status") is { } status && message.Text("progress") is not { Length: > 0 })
        {
            // The pull of a base; its moving bars are left out.
            _classic.Append(message.Text("id") is { } layer ? $"{layer}: {status}\n" : $"{status}\n");
        }
    }
}
