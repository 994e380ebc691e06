using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ReleaseBot.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class TagWishes : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AlterColumn<Guid>(
                name: "release_id",
                table: "tag_owners",
                type: "TEXT",
                nullable: true,
                oldClrType: typeof(Guid),
                oldType: "TEXT");

            migrationBuilder.AddColumn<long>(
                name: "drift_at",
                table: "tag_owners",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "drift_digest",
                table: "tag_owners",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "handed_to_project_id",
                table: "tag_owners",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "handed_to_ref",
                table: "tag_owners",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "next_check_at",
                table: "tag_owners",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<Guid>(
                name: "change_id",
                table: "tag_moves",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "retracted_at",
                table: "releases",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "retracted_by",
                table: "releases",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "retracted_reason",
                table: "releases",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "drift",
                table: "outbox_messages",
                type: "TEXT",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "handovers",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "TEXT", nullable: false),
                    host = table.Column<string>(type: "TEXT", nullable: false),
                    repository = table.Column<string>(type: "TEXT", nullable: false),
                    tag = table.Column<string>(type: "TEXT", nullable: true),
                    from_project_id = table.Column<long>(type: "INTEGER", nullable: false),
                    from_ref = table.Column<string>(type: "TEXT", nullable: true),
                    to_project_id = table.Column<long>(type: "INTEGER", nullable: false),
                    to_ref = table.Column<string>(type: "TEXT", nullable: true),
                    by = table.Column<string>(type: "TEXT", nullable: false),
                    reason = table.Column<string>(type: "TEXT", nullable: false),
                    at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_handovers", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "release_builds",
                columns: table => new
                {
                    release_id = table.Column<Guid>(type: "TEXT", nullable: false),
                    image_id = table.Column<string>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_release_builds", x => new { x.release_id, x.image_id });
                });

            migrationBuilder.CreateTable(
                name: "tag_changes",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "TEXT", nullable: false),
                    host = table.Column<string>(type: "TEXT", nullable: false),
                    repository = table.Column<string>(type: "TEXT", nullable: false),
                    tag = table.Column<string>(type: "TEXT", nullable: false),
                    kind = table.Column<string>(type: "TEXT", maxLength: 20, nullable: false),
                    to = table.Column<string>(type: "TEXT", nullable: true),
                    digest = table.Column<string>(type: "TEXT", nullable: true),
                    scope = table.Column<string>(type: "TEXT", nullable: true),
                    by = table.Column<string>(type: "TEXT", nullable: false),
                    reason = table.Column<string>(type: "TEXT", nullable: false),
                    status = table.Column<string>(type: "TEXT", maxLength: 20, nullable: false),
                    outcome = table.Column<string>(type: "TEXT", nullable: true),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    next_at = table.Column<long>(type: "INTEGER", nullable: false),
                    tries = table.Column<int>(type: "INTEGER", nullable: false),
                    fence = table.Column<long>(type: "INTEGER", nullable: false),
                    lease_until = table.Column<long>(type: "INTEGER", nullable: true),
                    finished_at = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tag_changes", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "tag_retractions",
                columns: table => new
                {
                    host = table.Column<string>(type: "TEXT", nullable: false),
                    repository = table.Column<string>(type: "TEXT", nullable: false),
                    tag = table.Column<string>(type: "TEXT", nullable: false),
                    version = table.Column<string>(type: "TEXT", nullable: true),
                    release_id = table.Column<Guid>(type: "TEXT", nullable: true),
                    by = table.Column<string>(type: "TEXT", nullable: false),
                    reason = table.Column<string>(type: "TEXT", nullable: false),
                    at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_tag_retractions", x => new { x.host, x.repository, x.tag });
                });

            migrationBuilder.CreateIndex(
                name: "ix_tag_owners_checked",
                table: "tag_owners",
                column: "next_check_at",
                filter: "next_check_at IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_tag_moves_changes",
                table: "tag_moves",
                columns: new[] { "host", "repository", "tag", "change_id" },
                filter: "change_id IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_handovers_host_repository_id",
                table: "handovers",
                columns: new[] { "host", "repository", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_release_builds_image_id",
                table: "release_builds",
                column: "image_id");

            migrationBuilder.CreateIndex(
                name: "ix_tag_changes_host_repository_tag_id",
                table: "tag_changes",
                columns: new[] { "host", "repository", "tag", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_tag_changes_pending",
                table: "tag_changes",
                column: "next_at",
                filter: "status = 'pending'");

            // What was published before is looked after too.
            migrationBuilder.Sql("UPDATE tag_owners SET next_check_at = updated_at WHERE kind = 'version' AND is_published AND digest IS NOT NULL");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "handovers");

            migrationBuilder.DropTable(
                name: "release_builds");

            migrationBuilder.DropTable(
                name: "tag_changes");

            migrationBuilder.DropTable(
                name: "tag_retractions");

            migrationBuilder.DropIndex(
                name: "ix_tag_owners_checked",
                table: "tag_owners");

            migrationBuilder.DropIndex(
                name: "ix_tag_moves_changes",
                table: "tag_moves");

            migrationBuilder.DropColumn(
                name: "drift_at",
                table: "tag_owners");

            migrationBuilder.DropColumn(
                name: "drift_digest",
                table: "tag_owners");

            migrationBuilder.DropColumn(
                name: "handed_to_project_id",
                table: "tag_owners");

            migrationBuilder.DropColumn(
                name: "handed_to_ref",
                table: "tag_owners");

            migrationBuilder.DropColumn(
                name: "next_check_at",
                table: "tag_owners");

            migrationBuilder.DropColumn(
                name: "change_id",
                table: "tag_moves");

            migrationBuilder.DropColumn(
                name: "retracted_at",
                table: "releases");

            migrationBuilder.DropColumn(
                name: "retracted_by",
                table: "releases");

            migrationBuilder.DropColumn(
                name: "retracted_reason",
                table: "releases");

            migrationBuilder.DropColumn(
                name: "drift",
                table: "outbox_messages");

            migrationBuilder.AlterColumn<Guid>(
                name: "release_id",
                table: "tag_owners",
                type: "TEXT",
                nullable: false,
                defaultValue: new Guid("00000000-0000-0000-0000-000000000000"),
                oldClrType: typeof(Guid),
                oldType: "TEXT",
                oldNullable: true);
        }
    }
}
