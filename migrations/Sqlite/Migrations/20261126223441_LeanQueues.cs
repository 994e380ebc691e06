using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ReleaseBot.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class LeanQueues : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_releases_active_not_before",
                table: "releases");

            migrationBuilder.DropIndex(
                name: "ix_releases_commit",
                table: "releases");

            migrationBuilder.DropIndex(
                name: "ix_releases_project_id_status_id",
                table: "releases");

            migrationBuilder.DropIndex(
                name: "ix_releases_version_id",
                table: "releases");

            migrationBuilder.CreateIndex(
                name: "ix_releases_commit",
                table: "releases",
                column: "commit",
                filter: "\"commit\" IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_releases_runnable",
                table: "releases",
                column: "not_before",
                filter: "status IN ('queued', 'building', 'pushing')");

            migrationBuilder.CreateIndex(
                name: "ix_releases_status_project_id_id",
                table: "releases",
                columns: new[] { "status", "project_id", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_releases_version_id",
                table: "releases",
                columns: new[] { "version", "id" },
                filter: "version IS NOT NULL");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_releases_commit",
                table: "releases");

            migrationBuilder.DropIndex(
                name: "ix_releases_runnable",
                table: "releases");

            migrationBuilder.DropIndex(
                name: "ix_releases_status_project_id_id",
                table: "releases");

            migrationBuilder.DropIndex(
                name: "ix_releases_version_id",
                table: "releases");

            migrationBuilder.CreateIndex(
                name: "ix_releases_active_not_before",
                table: "releases",
                column: "not_before",
                filter: "status IN ('verifying', 'queued', 'building', 'pushing')");

            migrationBuilder.CreateIndex(
                name: "ix_releases_commit",
                table: "releases",
                column: "commit");

            migrationBuilder.CreateIndex(
                name: "ix_releases_project_id_status_id",
                table: "releases",
                columns: new[] { "project_id", "status", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_releases_version_id",
                table: "releases",
                columns: new[] { "version", "id" });
        }
    }
}
