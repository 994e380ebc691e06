using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ReleaseBot.Migrations.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class TurnOfProjects : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateIndex(
                name: "ix_releases_runnable_project_id_id",
                table: "releases",
                columns: new[] { "project_id", "id" },
                filter: "status IN ('queued', 'building', 'pushing')");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_releases_runnable_project_id_id",
                table: "releases");
        }
    }
}
