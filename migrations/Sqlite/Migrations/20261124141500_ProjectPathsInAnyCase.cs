using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ReleaseBot.Migrations.Sqlite.Migrations
{
    /// <summary>Finds releases and deliveries by their project's path in any case, as GitLab does. By hand: the model knows no index on an expression.</summary>
    public partial class ProjectPathsInAnyCase : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_releases_project_path_id",
                table: "releases");

            migrationBuilder.DropIndex(
                name: "ix_deliveries_project_path_id",
                table: "deliveries");

            migrationBuilder.Sql("CREATE INDEX ix_releases_lower_project_path_id ON releases (lower(project_path), id)");
            migrationBuilder.Sql("CREATE INDEX ix_deliveries_lower_project_path_id ON deliveries (lower(project_path), id)");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("DROP INDEX ix_releases_lower_project_path_id");
            migrationBuilder.Sql("DROP INDEX ix_deliveries_lower_project_path_id");

            migrationBuilder.CreateIndex(
                name: "ix_releases_project_path_id",
                table: "releases",
                columns: new[] { "project_path", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_deliveries_project_path_id",
                table: "deliveries",
                columns: new[] { "project_path", "id" });
        }
    }
}
