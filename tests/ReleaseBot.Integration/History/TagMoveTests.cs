using ReleaseBot.Core;
using ReleaseBot.History;
using ReleaseBot.Parts;
using Shouldly;
using Xunit;

namespace ReleaseBot.Integration.History;

/// <summary>What a tag pointed to at a time, and its moves page by page, where there are thousands.</summary>
public abstract class TagMoveTests(IDatabases databases) : HistoryTest(databases)
{
    private const int Moves = 3000;

    private static readonly DateTimeOffset Begin = new(2026, 3, 3, 12, 0, 0, TimeSpan.Zero);
    private static readonly ImageRef Latest = new(new ImageRepository(Host, "acme/app-7"), "latest");

    [Fact]
    public async Task What_A_Tag_Pointed_To_Is_Exact_At_Every_Time()
    {
        var moves = await WriteAsync();
        var times = moves.Select(move => move.At).Distinct().ToList();

        foreach (var time in times.Where((_, number) => number % 40 == 0).Concat([times[0].AddMicroseconds(-1), times[^1], times[^1].AddYears(1)]))
        {
            foreach (var moment in (DateTimeOffset[])[time, time.AddMicroseconds(-1), time.AddMicroseconds(1)])
            {
                var expected = moves.LastOrDefault(move => move.At <= moment && HasMoved(move.Verdict));
                var known = moves.LastOrDefault(move => move.At <= moment && move.Verdict is not (TagVerdict.Kept or TagVerdict.Refused));

                var state = await History.Queries.StateAsync(Latest, moment, Token);

                (state.Moved?.Id, state.Drift?.Id).ShouldBe((expected?.Id, known?.Verdict == TagVerdict.Drifted ? known.Id : (Guid?)null), $"{moment:O}");
            }
        }
    }

    [Fact]
    public async Task Moves_Are_Paged_Newest_First_Without_A_Gap_Or_A_Double()
    {
        var moves = await WriteAsync();
        List<Guid> read = [];
        Guid? before = null;
        do
        {
            var page = await History.Queries.MovesAsync(Latest, 200, before, Token);
            page.Items.Count.ShouldBeLessThanOrEqualTo(200);
            read.AddRange(page.Items.Select(move => move.Id));
            before = page.Next;
        }
        while (before is not null);

        read.ShouldBe(moves.Select(move => move.Id).OrderDescending());
    }

    private static bool HasMoved(TagVerdict verdict) =>
        verdict is not (TagVerdict.Kept or TagVerdict.Refused or TagVerdict.Drifted or TagVerdict.Agreed);

    /// <summary>
    /// Moves, decisions and findings in a random order, several of them at one time; the ids of some run ahead of their times, as those of a process do
    /// whose clock is fast. Another tag has as many at the same times.
    /// </summary>
    /// <returns>Those of <c>latest</c>, in the order of their times.</returns>
    private async Task<List<TagMove>> WriteAsync()
    {
        var dice = new Random(7);
        var verdicts = Enum.GetValues<TagVerdict>();
        List<TagMove> moves = [];
        var time = Begin;
        for (var number = 0; number < Moves; number++)
        {
            time += dice.Next(4) == 0 ? TimeSpan.Zero : TimeSpan.FromMicroseconds(dice.Next(1, 2_000_000));
            moves.Add(Move(Latest, number, time, verdicts[dice.Next(verdicts.Length)]));
        }

        await History.Database.WriteAsync(
            async (context, token) =>
            {
                context.TagMoves.AddRange(moves);
                context.TagMoves.AddRange(moves.Select((move, number) => Move(Latest.Repository.WithTag("1"), number, move.At, TagVerdict.Moved)));
                return await context.SaveChangesAsync(token);
            },
            Token);
        return moves;
    }

    private static TagMove Move(ImageRef image, int number, DateTimeOffset at, TagVerdict verdict) => new()
    {
        // Its first bytes alone tell the order, so that it is the order of the numbers.
        Id = IdOf(at.AddSeconds(number / 500 % 2 * 30), number),
        Host = image.Repository.Host,
        Repository = image.Repository.Name,
        Tag = image.Tag,
        At = at,
        From = Digest.Of([1]).Value,
        To = Digest.Of(BitConverter.GetBytes(number)).Value,
        Verdict = verdict,
        Reason = "because",
        By = "release",
    };

    private static Guid IdOf(DateTimeOffset time, int number)
    {
        var bytes = Guid.CreateVersion7(time).ToByteArray(bigEndian: true);
        (bytes[6], bytes[7]) = ((byte)(0x70 | number >> 8 & 0xF), (byte)number);
        return new Guid(bytes, bigEndian: true);
    }
}

public sealed class TagMovesOnSqlite() : TagMoveTests(new SqliteDatabases());

public sealed class TagMovesOnPostgres(PostgresServer server) : TagMoveTests(new PostgresDatabases(server));
