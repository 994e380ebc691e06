using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ReleaseBot.Migrations.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class CoveringPaths : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            // One index instead of two: what it holds of the status tells apart what the other was for. PostgreSQL reads no row beside an index on an
            // expression only where the index has the columns that are in it too; without, to count a project's releases read each of their rows.
            migrationBuilder.Sql("DROP INDEX ix_releases_lower_project_path_status_id");
            migrationBuilder.Sql("DROP INDEX ix_releases_lower_project_path_id");
            migrationBuilder.Sql("CREATE INDEX ix_releases_lower_project_path_id ON releases (lower(project_path), id) INCLUDE (project_path, status)");
            // What is known of an expression's values goes with its index, and no row has changed that would have it gathered again.
            migrationBuilder.Sql("ANALYZE releases");
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
