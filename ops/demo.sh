#!/usr/bin/env bash
# Shows ReleaseBot at work on this machine, from a git push to a running container. See --help.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=lib/say.sh
source "$ROOT/ops/lib/say.sh"
# shellcheck source=lib/install.sh
source "$ROOT/ops/lib/install.sh"
# shellcheck source=lib/parts.sh
source "$ROOT/ops/lib/parts.sh"
# shellcheck source=lib/demo.sh
source "$ROOT/ops/lib/demo.sh"

KEEP=
BEGAN=$(now)

usage() {
    cat <<'TEXT'
usage: ops/demo.sh [--keep | --stop DIR]

Builds ReleaseBot, starts it between real parts of its own (a Docker engine, two registries with passwords, a git server that speaks
GitLab's API and webhooks, a chat that receives as Slack does), then pushes tags and shows what comes of them. Every claim is
checked against the parts themselves; the exit code is 0 only if all of them were seen to hold. Everything lies in one folder
below /tmp, and is gone at the end. Run as root on Debian with the .NET SDK 10; what else is missing is installed.

  --keep      leaves it running, and tells where to look and how to stop it
  --stop DIR  ends what --keep left running
TEXT
}

main() {
    read_options "$@"
    require_root
    require_dotnet
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    parts_begin

    step "What the demo needs"
    install_needs
    step "ReleaseBot, built from source"
    build_programs
    step "Parts for it to work with"
    start_parts
    step "ReleaseBot itself"
    start_bot

    step "A protected tag is pushed: v1.0.0"
    push_tag v1.0.0 "$SHOP"
    follow_release v1.0.0
    step "What was published, and where"
    show_images v1.0.0
    step "The image runs"
    run_image v1.0.0
    step "The chat was told"
    show_chat v1.0.0

    step "The next version: v1.0.1"
    change_page
    push_tag v1.0.1 "$SHOP"
    follow_release v1.0.1
    show_images v1.0.1
    compare_versions
    run_image v1.0.1

    step "A tag that is not protected: experiment"
    push_tag experiment "$SHOP"
    see_refusal experiment

    step "The history"
    show_history

    printf '\n%sAll %s claims were seen to hold, in %s s.%s\n' "$BOLD" "$CLAIMS" "$(seconds_since "$BEGAN")" "$RESET"
    tell_where
}

read_options() {
    case "$*" in
        '') ;;
        --keep) KEEP=yes ;;
        '--stop '*)
            parts_resume "$2"
            parts_end
            exit 0
            ;;
        --help | -h)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
}

# The end, whichever way it came.
finish() {
    local code=$?
    trap - EXIT
    if [[ -z $PARTS_DIR ]]; then
        exit "$code"
    fi
    if ((code != 0)) && [[ -s $PARTS_DIR/logs/bot.log ]]; then
        last_words bot
    fi
    if [[ -n $KEEP ]]; then
        printf '\nIt goes on running. To end it: bash %s --stop %s\n' "$(realpath --relative-to=. "$ROOT/ops/demo.sh")" "$PARTS_DIR"
    else
        parts_end
    fi
    exit "$code"
}

main "$@"
