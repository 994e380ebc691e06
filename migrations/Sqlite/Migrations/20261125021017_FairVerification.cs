using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ReleaseBot.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class FairVerification : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "room_engine",
                table: "releases",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "last_verified_at",
                table: "projects",
                type: "INTEGER",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "room_engine",
                table: "releases");

            migrationBuilder.DropColumn(
                name: "last_verified_at",
                table: "projects");
        }
    }
}
