using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ReleaseBot.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class CoveringPaths : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // One index instead of two: what it holds of the status tells apart what the other was for.
            migrationBuilder.Sql("DROP INDEX ix_releases_lower_project_path_status_id");
            migrationBuilder.Sql("DROP INDEX ix_releases_lower_project_path_id");
            migrationBuilder.Sql("CREATE INDEX ix_releases_lower_project_path_id ON releases (lower(project_path), id, status)");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.Sql("DROP INDEX ix_releases_lower_project_path_id");
            migrationBuilder.Sql("CREATE INDEX ix_releases_lower_project_path_id ON releases (lower(project_path), id)");
            migrationBuilder.Sql("CREATE INDEX ix_releases_lower_project_path_status_id ON releases (lower(project_path), status, id)");
        }
    }
}
