using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace ReleaseBot.Migrations.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class LatePuts : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_outbox_messages_release_id_attempt_channel_outcome",
                table: "outbox_messages");

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "push_begun_at",
                table: "tag_owners",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "seen_at",
                table: "tag_owners",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "seen_digest",
                table: "tag_owners",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "more_drift",
                table: "outbox_messages",
                type: "integer",
                nullable: false,
                defaultValue: 0);

            // Of names that were reserved until now it is not known whether a push of ours began; they count as they did.
            migrationBuilder.Sql("UPDATE tag_owners SET push_begun_at = updated_at WHERE kind = 'version'");

            migrationBuilder.CreateTable(
                name: "open_puts",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    host = table.Column<string>(type: "text", nullable: false),
                    repository = table.Column<string>(type: "text", nullable: false),
                    tag = table.Column<string>(type: "text", nullable: false),
                    digest = table.Column<string>(type: "text", nullable: false),
                    holder_id = table.Column<Guid>(type: "uuid", nullable: false),
                    fence = table.Column<long>(type: "bigint", nullable: false),
                    opened_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_open_puts", x => x.id);
                });

            migrationBuilder.CreateIndex(
                name: "ix_outbox_messages_release_id_attempt_channel_outcome",
                table: "outbox_messages",
                columns: new[] { "release_id", "attempt", "channel", "outcome" },
                unique: true,
                filter: "drift IS NULL");

            migrationBuilder.CreateIndex(
                name: "ix_outbox_messages_release_id_id",
                table: "outbox_messages",
                columns: new[] { "release_id", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_tag_moves_states",
                table: "tag_moves",
                columns: new[] { "host", "repository", "tag", "at" },
                filter: "verdict NOT IN ('kept', 'refused')");

            migrationBuilder.CreateIndex(
                name: "ix_open_puts_host_repository_tag",
                table: "open_puts",
                columns: new[] { "host", "repository", "tag" });

            migrationBuilder.CreateIndex(
                name: "ix_open_puts_opened_at",
                table: "open_puts",
                column: "opened_at");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "open_puts");

            migrationBuilder.DropIndex(
                name: "ix_outbox_messages_release_id_attempt_channel_outcome",
                table: "outbox_messages");

            migrationBuilder.DropIndex(
                name: "ix_outbox_messages_release_id_id",
                table: "outbox_messages");

            migrationBuilder.DropIndex(
                name: "ix_tag_moves_states",
                table: "tag_moves");

            migrationBuilder.DropColumn(
                name: "push_begun_at",
                table: "tag_owners");

            migrationBuilder.DropColumn(
                name: "seen_at",
                table: "tag_owners");

            migrationBuilder.DropColumn(
                name: "seen_digest",
                table: "tag_owners");

            migrationBuilder.DropColumn(
                name: "more_drift",
                table: "outbox_messages");

            migrationBuilder.CreateIndex(
                name: "ix_outbox_messages_release_id_attempt_channel_outcome",
                table: "outbox_messages",
                columns: new[] { "release_id", "attempt", "channel", "outcome" },
                unique: true);
        }
    }
}
