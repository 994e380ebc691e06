using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ReleaseBot.Migrations.Postgres.Migrations
{
    /// <summary>
    /// Finds the failed releases, say, of a project that has many, and a ref of one kind without a look at its row. The index by path is by hand,
    /// as in ProjectPathsInAnyCase.
    /// </summary>
    public partial class FiltersTogether : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_releases_ref_name_id",
                table: "releases");

            migrationBuilder.CreateIndex(
                name: "ix_releases_project_id_status_id",
                table: "releases",
                columns: new[] { "project_id", "status", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_releases_ref_name_id_ref_kind",
                table: "releases",
                columns: new[] { "ref_name", "id", "ref_kind" });

            migrationBuilder.Sql("CREATE INDEX ix_releases_lower_project_path_status_id ON releases (lower(project_path), status, id)");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("DROP INDEX ix_releases_lower_project_path_status_id");

            migrationBuilder.DropIndex(
                name: "ix_releases_project_id_status_id",
                table: "releases");

            migrationBuilder.DropIndex(
                name: "ix_releases_ref_name_id_ref_kind",
                table: "releases");

            migrationBuilder.CreateIndex(
                name: "ix_releases_ref_name_id",
                table: "releases",
                columns: new[] { "ref_name", "id" });
        }
    }
}
