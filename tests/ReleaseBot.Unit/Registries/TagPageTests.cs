using System.Text;
using ReleaseBot.Registries;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Registries;

public sealed class TagPageTests
{
    [Theory]
    [InlineData("</v2/a/tags/list?last=x&n=2>; rel=\"next\"", "/v2/a/tags/list?last=x&n=2")]
    [InlineData("<https://r.example/v2/a/tags/list?last=x>;rel=next", "https://r.example/v2/a/tags/list?last=x")]
    [InlineData("</first>; rel=\"first\", </next,comma>; title=\"t\"; rel=\"next\"", "/next,comma")]
    [InlineData("</prev>; rel=\"prev\"", null)]
    [InlineData("</broken; rel=\"next\"", null)]
    public void The_Next_Page_Is_Found(string header, string? next) => TagPage.Next([header]).ShouldBe(next);

    [Fact]
    public void Tags_Are_Read() => TagPage.Read(Bytes("""{"name":"a","tags":["1","2"]}""")).ShouldBe(["1", "2"]);

    [Fact]
    public void Null_Is_An_Empty_List() => TagPage.Read(Bytes("""{"name":"a","tags":null}""")).ShouldBe([]);

    // An empty list would let a floating tag go backwards.
    [Theory]
    [InlineData("{}")]
    [InlineData("<html>")]
    [InlineData("""{"tags":"1"}""")]
    public void What_Is_No_List_Is_Not_Taken_For_An_Empty_One(string json) => TagPage.Read(Bytes(json)).ShouldBeNull();

    private static byte[] Bytes(string json) => Encoding.UTF8.GetBytes(json);
}
