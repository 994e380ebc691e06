using System.Text;
using ReleaseBot.Worker;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Worker;

public sealed class LogSpoolTests : IDisposable
{
    private const int Most = 64 * 1024;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("releasebot-spool-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void What_Is_Too_Much_For_Memory_Comes_Back_In_Order_From_A_File_Without_A_Name()
    {
        using var spool = Spool();
        List<string> taken = [];
        for (var number = 0; number < 100_000; number++)
        {
            spool.Add(Line(number));
            if (number % 1000 == 999)
            {
                taken.AddRange(LinesOf(spool.Take(Most / 4)));
            }
        }

        _folder.EnumerateFileSystemInfos().ShouldBeEmpty();
        (spool.Added - spool.Taken).ShouldBeGreaterThan(2 << 20);
        taken.AddRange(Rest(spool));

        taken.ShouldBe(Enumerable.Range(0, 100_000).Select(Line));
        spool.Taken.ShouldBe(spool.Added);
        // The file is begun anew.
        Fill(spool, 100_000);
        Rest(spool).ShouldBe(Enumerable.Range(0, 100_000).Select(Line));
    }

    [Fact]
    public void Lines_That_The_Disk_Does_Not_Take_Are_Counted_Where_They_Are_Missing()
    {
        using var spool = new LogSpool(Path.Combine(_folder.FullName, "is-not-there"), long.MaxValue, "end");
        Fill(spool, 100_000);

        var lines = Rest(spool);
        spool.Add("the next one");

        var kept = lines.Count - 1;
        kept.ShouldBeInRange(10_000, 40_000);
        lines[..kept].ShouldBe(Enumerable.Range(0, kept).Select(Line));
        lines[kept].ShouldBe($"[{100_000 - kept} lines came faster than they could be stored and are missing here]");
        Rest(spool).ShouldBe(["the next one"]);
    }

    [Fact]
    public void What_Is_Given_Up_Is_Counted_And_What_Comes_After_It_Is_Kept()
    {
        using var spool = Spool();
        Fill(spool, 100_000);
        var first = LinesOf(spool.Take(Most)).Length;

        spool.Drop();
        spool.Add("after it");

        Rest(spool).ShouldBe([$"[{100_000 - first} lines came faster than they could be stored and are missing here]", "after it"]);
        spool.Drop();
        Rest(spool).ShouldBeEmpty("nothing waited");
    }

    [Fact]
    public void A_Piece_That_Could_Not_Be_Stored_Is_Counted_With_What_Waits_Behind_It()
    {
        using var spool = Spool();
        Fill(spool, 100_000);
        spool.Take(Most);

        spool.Lose();
        spool.Add("one more");
        spool.Take(Most);
        spool.Lose();

        Rest(spool).ShouldBe(["[100001 lines came faster than they could be stored and are missing here]"]);
    }

    [Fact]
    public void The_Line_That_Passes_The_Limit_Is_The_Last()
    {
        using var spool = new LogSpool(_folder.FullName, 10, "[end]");
        spool.Add("12345");
        spool.Add("6789");
        spool.Add("too much");

        Rest(spool).ShouldBe(["12345", "6789", "[end]"]);
    }

    [Fact]
    public void A_Piece_Has_Whole_Lines()
    {
        using var spool = Spool();
        spool.Add("one");
        spool.Add("zwei");
        spool.Add("drei");

        Encoding.UTF8.GetString(spool.Take(10)).ShouldBe("one\nzwei\n");
        Encoding.UTF8.GetString(spool.Take(10)).ShouldBe("drei\n");
        spool.Take(10).ShouldBeEmpty();
    }

    private LogSpool Spool() => new(_folder.FullName, long.MaxValue, "end");

    private static void Fill(LogSpool spool, int lines)
    {
        for (var number = 0; number < lines; number++)
        {
            spool.Add(Line(number));
        }
    }

    private static List<string> Rest(LogSpool spool)
    {
        List<string> lines = [];
        while (spool.Take(Most) is { Length: > 0 } piece)
        {
            piece.Length.ShouldBeLessThanOrEqualTo(Most + 100);
            lines.AddRange(LinesOf(piece));
        }

        return lines;
    }

    private static string[] LinesOf(byte[] piece) => Encoding.UTF8.GetString(piece).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static string Line(int number) => $"{number} a line of some length, such as a größerer build prints";
}
