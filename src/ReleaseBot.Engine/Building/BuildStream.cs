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
        _trace.End(succeeded: Error is null && ImageId is not null);
        _classic.Flush();
    }

    private void Trace(JsonElement message)
    {
        try
        {
            if (message.Text("aux") is { } aux)
            {
                _trace.Write(StatusResponse.Parser.ParseFrom(Convert.FromBase64String(aux)));
            }
        }
        catch (Exception fault) when (fault is FormatException or InvalidProtocolBufferException)
        {
            // Progress alone; an engine that words it differently builds all the same.
            _log.WriteLine("(a line of the engine's progress could not be read)");
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
