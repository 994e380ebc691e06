using System.Globalization;
using ReleaseBot.Engine.Building.Protocol;

namespace ReleaseBot.Engine.Building;

/// <summary>
/// Writes BuildKit's progress as <c>docker build --progress=plain</c> does: steps are numbered in the order they begin, and every line of a step
/// carries its number. The trace is loose: a step is told of many times, its output may come before its start, and a step shared with another
/// build may never be told to have ended.
/// </summary>
internal sealed class BuildTrace(IBuildLog log)
{
    private readonly Dictionary<string, Step> _steps = new(StringComparer.Ordinal);
    private int _shown;

    public void Write(StatusResponse status)
    {
        foreach (var vertex in status.Vertexes)
        {
            Write(vertex);
        }

        foreach (var part in status.Statuses)
        {
            Write(part);
        }

        foreach (var output in status.Logs)
        {
            StepOf(output.Vertex).Output(output.Stream).Append(output.Msg.Span);
        }

        foreach (var warning in status.Warnings)
        {
            var link = warning.Url.Length == 0 ? "" : $" ({warning.Url})";
            StepOf(warning.Vertex).Line($"WARNING: {warning.Short.ToStringUtf8()}{link}");
        }
    }

    /// <summary>Says what became of the steps whose end was never told.</summary>
    public void End(bool succeeded)
    {
        foreach (var step in _steps.Values.Where(step => !step.IsEnded && step.Name is not null).OrderBy(step => step.Number == 0).ThenBy(step => step.Number))
        {
            if (succeeded)
            {
                step.End("shared with another build");
            }
            else if (step.Number > 0)
            {
                step.End("CANCELED");
            }
        }
    }

    private void Write(Vertex vertex)
    {
        var step = StepOf(vertex.Digest);
        step.Name = vertex.Name;
        if (vertex.Started is not null || vertex.Completed is not null)
        {
            step.Show();
        }

        if (vertex.Error.Length > 0)
        {
            step.Fail(vertex.Error.Contains("context canceled", StringComparison.Ordinal) ? "CANCELED" : $"ERROR {vertex.Error}");
        }
        else if (vertex.Completed is not null && !step.IsEnded)
        {
            step.End(vertex.Cached ? "CACHED" : $"DONE {Seconds(vertex.Started, vertex.Completed)}");
        }
    }

    private void Write(VertexStatus part)
    {
        if (part.Completed is null)
        {
            return;
        }

        var size = part.Total > 0 ? $" {Bytes(part.Total)}" : part.Current > 0 ? $" {Bytes(part.Current)}" : "";
        StepOf(part.Vertex).Once($"{(part.Name.Length > 0 ? part.Name : part.ID)}{size} done");
    }

    private Step StepOf(string digest)
    {
        if (!_steps.TryGetValue(digest, out var step))
        {
            _steps[digest] = step = new Step(this);
        }

        return step;
    }

    private static string Seconds(Google.Protobuf.WellKnownTypes.Timestamp? from, Google.Protobuf.WellKnownTypes.Timestamp to) =>
        string.Create(CultureInfo.InvariantCulture, $"{(from is null ? 0 : (to.ToDateTime() - from.ToDateTime()).TotalSeconds):0.0}s");

    private static string Bytes(long count) => count switch
    {
        >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1e9:0.00}GB"),
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1e6:0.00}MB"),
        >= 1_000 => string.Create(CultureInfo.InvariantCulture, $"{count / 1e3:0.00}kB"),
        _ => $"{count}B",
    };

    private sealed class Step(BuildTrace trace)
    {
        private readonly SortedDictionary<long, LineBuffer> _outputs = [];
        private readonly HashSet<string> _said = new(StringComparer.Ordinal);
        private bool _failed;

        public string? Name { get; set; }

        /// <summary>0 until the step is shown.</summary>
        public int Number { get; private set; }

        public bool IsEnded { get; private set; }

        public void Show()
        {
            if (Number == 0)
            {
                Number = ++trace._shown;
                Line(Name ?? "(unnamed step)");
            }
        }

        public LineBuffer Output(long stream)
        {
            if (!_outputs.TryGetValue(stream, out var output))
            {
                _outputs[stream] = output = new LineBuffer(Line);
            }

            return output;
        }

        public void Line(string text)
        {
            Show();
            // The builder's own words can have several lines, and quote what the Dockerfile's author wrote.
            foreach (var line in text.Split('\n'))
            {
                trace.WriteLine($"#{Number} {LogText.Clean(line)}");
            }
        }

        public void Once(string text)
        {
            if (_said.Add(text))
            {
                Line(text);
            }
        }

        public void End(string verdict)
        {
            Show();
            foreach (var output in _outputs.Values)
            {
                output.Flush();
            }

            IsEnded = true;
            Line(verdict);
        }

        public void Fail(string verdict)
        {
            if (!_failed)
            {
                _failed = true;
                End(verdict);
            }
        }
    }

    private void WriteLine(string line) => log.WriteLine(line);
}
