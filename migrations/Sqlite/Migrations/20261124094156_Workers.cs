using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ReleaseBot.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class Workers : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "engine",
                table: "worker_heartbeats",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "paused_at",
                table: "worker_heartbeats",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "last_engine",
                table: "projects",
                type: "TEXT",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "engine",
                table: "worker_heartbeats");

            migrationBuilder.DropColumn(
                name: "paused_at",
                table: "worker_heartbeats");

            migrationBuilder.DropColumn(
                name: "last_engine",
                table: "projects");
        }
    }
}
