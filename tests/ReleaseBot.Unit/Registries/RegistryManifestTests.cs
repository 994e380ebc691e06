using System.Text;
using ReleaseBot.Core;
using ReleaseBot.Registries;
using Shouldly;
using Xunit;

namespace ReleaseBot.Unit.Registries;

public sealed class RegistryManifestTests
{
    private static readonly string Config = Digest.Of("config"u8).Value;
    private static readonly string Layer = Digest.Of("layer"u8).Value;

    [Theory]
    [InlineData(MediaTypes.DockerManifest)]
    [InlineData(MediaTypes.OciManifest)]
    public void An_Image_Has_A_Config_And_Layers_Each_Once(string mediaType)
    {
        var bytes = Bytes($$$"""
            {"schemaVersion":2,"config":{"mediaType":"c","digest":"{{{Config}}}","size":6},
             "layers":[{"mediaType":"l","digest":"{{{Layer}}}","size":5},{"mediaType":"l","digest":"{{{Layer}}}","size":5}]}
            """);

        var manifest = RegistryManifest.Parse(bytes, mediaType);

        manifest.IsIndex.ShouldBeFalse();
        manifest.MediaType.ShouldBe(mediaType);
        manifest.Digest.ShouldBe(Digest.Of(bytes));
        manifest.ConfigDigest.ShouldBe(Digest.Parse(Config));
        manifest.Blobs.ShouldBe([new Descriptor(Digest.Parse(Config), 6, "c"), new Descriptor(Digest.Parse(Layer), 5, "l")]);
        manifest.Children.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(MediaTypes.DockerManifestList)]
    [InlineData(MediaTypes.OciIndex)]
    public void An_Index_Has_Children_And_No_Config(string mediaType)
    {
        var manifest = RegistryManifest.Parse(Bytes($$$"""{"manifests":[{"mediaType":"m","digest":"{{{Layer}}}","size":5}]}"""), mediaType);

        manifest.IsIndex.ShouldBeTrue();
        manifest.ConfigDigest.ShouldBeNull();
        manifest.Blobs.ShouldBeEmpty();
        manifest.Children.ShouldBe([new Descriptor(Digest.Parse(Layer), 5, "m")]);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("application/json")]
    public void Its_Own_Media_Type_Counts_Where_The_Answer_Has_None(string? answered) =>
        RegistryManifest.Parse(Bytes($$"""{"mediaType":"{{MediaTypes.OciIndex}}","manifests":[]}"""), answered).MediaType.ShouldBe(MediaTypes.OciIndex);

    [Theory]
    [InlineData("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", false)]
    [InlineData("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", false)]
    [InlineData("application/vnd.docker.image.rootfs.diff.tar.gzip", true)]
    [InlineData("application/vnd.oci.image.layer.v1.tar+zstd", true)]
    public void A_Vendors_Layer_Is_Known_By_Its_Type(string mediaType, bool isDistributable) =>
        new Descriptor(Digest.Parse(Layer), 5, mediaType).IsDistributable.ShouldBe(isDistributable);

    [Theory]
    [InlineData("nonsense")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"config":{},"layers":[]}""")]
    [InlineData("""{"config":{"digest":"sha256:abc","size":1},"layers":[]}""")]
    [InlineData("""{"config":null,"layers":null}""")]
    public void What_Is_No_Manifest_Is_Refused(string json) =>
        Should.Throw<FormatException>(() => RegistryManifest.Parse(Bytes(json), MediaTypes.OciManifest));

    [Fact]
    public void Dockers_First_Schema_Is_Refused_By_Name() =>
        Should.Throw<FormatException>(() => RegistryManifest.Parse(Bytes("{}"), "application/vnd.docker.distribution.manifest.v1+prettyjws"))
            .Message.ShouldContain("manifest.v1+prettyjws");

    private static byte[] Bytes(string json) => Encoding.UTF8.GetBytes(json);
}
