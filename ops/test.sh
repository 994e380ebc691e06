#!/usr/bin/env bash
# Builds ReleaseBot and runs every check there is. See --help.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=lib/say.sh
source "$ROOT/ops/lib/say.sh"
# shellcheck source=lib/program.sh
source "$ROOT/ops/lib/program.sh"
# shellcheck source=lib/install.sh
source "$ROOT/ops/lib/install.sh"
# shellcheck source=lib/parts.sh
source "$ROOT/ops/lib/parts.sh"

# Minutes that a project's tests may take.
declare -A MINUTES=([Unit]=5 [Integration]=15 [EndToEnd]=20)
PROJECTS=(Unit Integration EndToEnd)
FILTER=
INSTALL=yes
CHAOS=yes
FAULTS=()

usage() {
    cat <<'TEXT'
usage: ops/test.sh [--unit] [--filter TEXT] [--no-chaos] [--no-install]

Installs what is missing, builds with warnings as errors, checks the format and that the migrations fit the model, runs the tests
and each small benchmark once, strikes a whole fleet with faults (ops/chaos.sh, 20 releases from a fixed seed), and ends with a line
"N passed, N failed, N skipped" of the tests.
It exits with 0 only if everything is as it should be.

  --unit         only the build and the unit tests: nothing is installed, and it needs no root
  --filter TEXT  only the build and the test classes whose full name contains TEXT
  --no-chaos     without the fleet under faults, which takes some four minutes
  --no-install   fails on what is missing instead of installing it

Reports (TRX) are left in artifacts/test-results, the words of the fleet's processes in artifacts/chaos.
TEXT
}

main() {
    read_options "$@"
    cd "$ROOT"
    # Build processes that stay for a quarter of an hour, for the next build, would look like something that a test left behind.
    export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1
    # Nothing here lives for long enough that code which is counted and compiled again would pay, or its pages need to be kept from being written.
    export DOTNET_TieredPGO=0 DOTNET_EnableWriteXorExecute=0
    rm -rf artifacts/test-results
    mkdir -p artifacts/test-results

    step "What the tests need"
    prepare
    step "Build, with warnings as errors"
    local built=yes
    build && { [[ ${PROJECTS[*]} == Unit ]] || publish; } || built=
    end_compiler
    if [[ -z $built ]]; then
        fault "the build failed"
        conclude
    fi
    if [[ -z $FILTER && ${PROJECTS[*]} != Unit ]]; then
        step "Format"
        check_format
        step "Migrations"
        check_migrations
    fi
    step "Tests"
    run_tests
    if [[ -z $FILTER && ${PROJECTS[*]} != Unit ]]; then
        step "Benchmarks"
        run_benchmarks
        if [[ -n $CHAOS ]]; then
            step "Chaos"
            run_chaos
        fi
    fi
    step "What the tests left behind"
    check_leftovers
    conclude
}

read_options() {
    while (($#)); do
        case $1 in
            --unit) PROJECTS=(Unit) ;;
            --filter)
                FILTER=${2:?"--filter needs a text"}
                shift
                ;;
            --no-chaos) CHAOS= ;;
            --no-install) INSTALL= ;;
            --help | -h)
                usage
                exit 0
                ;;
            *)
                usage >&2
                exit 2
                ;;
        esac
        shift
    done
}

prepare() {
    local missing installed
    require_dotnet
    if [[ ${PROJECTS[*]} == Unit ]]; then
        good "nothing but the .NET SDK $(dotnet --version)"
        return
    fi

    require_root
    missing=$(missing_packages "${TEST_NEEDS[@]}" | xargs)
    if [[ -z $missing ]]; then
        good "everything is there"
    elif [[ -n $INSTALL ]]; then
        say "installing $missing"
        installed=$(install_missing "${TEST_NEEDS[@]}")
        good "installed $installed"
    else
        die "These Debian packages are missing: $missing" "Install them, or leave out --no-install."
    fi
}

build() {
    local from
    from=$(now)
    dotnet restore --verbosity quiet &&
        UseSharedCompilation=true dotnet build --no-restore --configuration Release -warnaserror --verbosity quiet --nologo -clp:NoSummary || return
    good "built in $(seconds_since "$from") s"
}

# One compiler serves all projects while they are built; twenty that each start cold take a minute and a half more. It would stay for the next build.
end_compiler() {
    timeout 60 dotnet build-server shutdown --vbcscompiler >/dev/null || fault "the compiler's server did not end"
}

# For the tests that start the program.
publish() {
    local from
    from=$(now)
    UseSharedCompilation=true publish_program "$ROOT/artifacts/publish/tested" || return
    export RELEASEBOT_PROGRAM=$ROOT/artifacts/publish/tested/ReleaseBot.dll
    good "published in $(seconds_since "$from") s"
}

# White space alone: the rules of style are the build's (EnforceCodeStyleInBuild), which takes a minute less than dotnet format does for them.
check_format() {
    local from
    from=$(now)
    if dotnet format whitespace --no-restore --verify-no-changes >"$RUN_DIR/format.log" 2>&1; then
        good "as .editorconfig wants it ($(seconds_since "$from") s)"
    else
        tail -n 20 "$RUN_DIR/format.log" | dim
        fault "the format differs; dotnet format puts it right"
    fi
}

check_migrations() {
    local provider
    dotnet tool restore --verbosity quiet >/dev/null
    for provider in Sqlite Postgres; do
        if dotnet ef migrations has-pending-model-changes --no-build --configuration Release --project "migrations/$provider" --startup-project "migrations/$provider" >"$RUN_DIR/ef.log" 2>&1; then
            good "$provider: the migrations make the model"
        else
            tail -n 20 "$RUN_DIR/ef.log" | dim
            fault "$provider: the model has changed; add a migration"
        fi
    done
}

run_tests() {
    local project
    for project in "${PROJECTS[@]}"; do
        run_project "$project"
    done
    if [[ -n $FILTER && $(count total artifacts/test-results/*.trx) == 0 ]]; then
        fault "no test class matches $FILTER"
    fi
}

# run_project NAME: its tests, within a bounded time. Everything they make lies in a folder of this run, and every process that
# they start inherits the run's name, by which check_leftovers knows both.
run_project() {
    local project=$1 limit=${MINUTES[$1]} code=0 trx total
    local -a filter=()
    [[ -z $FILTER ]] || filter=(--filter-class "*$FILTER*")
    trx=artifacts/test-results/$project.trx
    RELEASEBOT_TEST_RUN=$RUN_DIR TMPDIR=$RUN_DIR/t timeout --kill-after=30 "${limit}m" \
        dotnet test --project "tests/ReleaseBot.$project" --configuration Release --no-build --no-progress "${filter[@]}" \
        --results-directory artifacts/test-results --report-trx --report-trx-filename "$project.trx" || code=$?

    total=$(count total "$trx")
    if ((code == 124 || code == 137)); then
        fault "$project: not done after $limit minutes"
    elif ((total == 0)) && [[ -z $FILTER ]]; then
        fault "$project: not one test was run"
    elif ((code != 0 && code != 8)); then # 8: no test matches the filter
        fault "$project: $(count failed "$trx") of $total tests failed (exit code $code)"
    elif ((total > 0)); then
        good "$project: $(count passed "$trx") of $total tests passed"
    fi
}

# Whether the benchmarks that take little time still do their work, which each checks before or while it measures. How long it takes is nobody's fault.
run_benchmarks() {
    local from log=artifacts/benchmarks.log
    from=$(now)
    if RELEASEBOT_TEST_RUN=$RUN_DIR TMPDIR=$RUN_DIR/t timeout --kill-after=10 5m artifacts/bin/ReleaseBot.Benchmarks/release/ReleaseBot.Benchmarks micro log start context \
        --short --program artifacts/publish/tested/ReleaseBot.dll --json artifacts/benchmarks-short.json >"$log" 2>&1; then
        good "the short benchmarks do their work ($(seconds_since "$from") s)"
    else
        tail -n 40 "$log" | dim
        fault "a benchmark fails; see $log"
    fi
}

# A whole fleet under faults from a fixed seed; whatever its processes printed is left in artifacts/chaos.
run_chaos() {
    local from log=artifacts/chaos/out.log
    from=$(now)
    rm -rf artifacts/chaos
    mkdir -p artifacts/chaos
    if RELEASEBOT_TEST_RUN=$RUN_DIR TMPDIR=$RUN_DIR/t timeout --kill-after=30 9m \
        artifacts/bin/ReleaseBot.Chaos/release/ReleaseBot.Chaos --releases 20 --seed 20 --limit 6 --keep-logs artifacts/chaos >"$log" 2>&1; then
        grep -E 'faults: |releases: ' "$log" | dim
        good "every promise was kept ($(seconds_since "$from") s)"
    else
        tail -n 60 "$log" | dim
        fault "chaos: a promise was not kept; see artifacts/chaos"
    fi
}

# count NAME TRX...: the sum of a counter over reports; 0 for a report that was never written.
count() {
    local name=$1
    shift
    { grep -ho '<Counters [^>]*>' "$@" 2>/dev/null || true; } |
        sed -n "s/.* $name=\"\([0-9]*\)\".*/\1/p" | awk '{ sum += $1 } END { print sum + 0 }'
}

# A test that leaves a process, a mount or a bridge behind would sooner or later break another.
check_leftovers() {
    local left
    # shellcheck disable=SC2046,SC2086 # lists of pids
    if ! wait_until 10 no_processes_left; then
        left=$(processes_left)
        fault "processes are left: $(describe_processes $left)"
        kill -KILL $left 2>/dev/null || true
    fi
    if mounts_left; then
        fault "mounts are left below $RUN_DIR"
        unmount_below "$RUN_DIR"
    fi
    left=$(comm -13 "$RUN_DIR/bridges" <(bridges))
    if [[ -n $left ]]; then
        fault "bridges are left: $(xargs <<<"$left")"
    fi
    ((${#FAULTS[@]})) || good "no process, no mount, no bridge"
}

processes_left() {
    { grep -l -a -F -z -x "RELEASEBOT_TEST_RUN=$RUN_DIR" /proc/[0-9]*/environ 2>/dev/null || true; } | cut -d/ -f3
}

describe_processes() {
    local pid
    for pid in "$@"; do
        printf '\n      %s %s' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | cut -c1-120)"
    done
}

no_processes_left() {
    [[ -z $(processes_left) ]]
}

mounts_left() {
    awk -v dir="$RUN_DIR/" 'index($5, dir) == 1 { found = 1 } END { exit !found }' /proc/self/mountinfo
}

# Ours all begin with rb: another engine on the machine may make and remove its own meanwhile.
bridges() {
    if command -v ip >/dev/null; then
        { ip -o link show type bridge 2>/dev/null || true; } | sed -n 's/^[0-9]*: \(rb[^:@]*\).*/\1/p' | sort
    fi
}

fault() {
    bad "$1"
    FAULTS+=("$1")
}

conclude() {
    local text
    printf '\n'
    if ((${#FAULTS[@]})); then
        printf '%sNot as it should be:%s\n' "$RED" "$RESET"
        for text in "${FAULTS[@]}"; do
            printf '  - %s\n' "$text"
        done
    fi
    printf '%s passed, %s failed, %s skipped\n' "$(count passed artifacts/test-results/*.trx)" \
        "$(($(count failed artifacts/test-results/*.trx) + $(count error artifacts/test-results/*.trx) + $(count timeout artifacts/test-results/*.trx)))" \
        "$(count notExecuted artifacts/test-results/*.trx)"
    ((${#FAULTS[@]} == 0))
}

# Short, since sockets are made in it.
RUN_DIR=$(mktemp -d /tmp/rbt.XXXXXX)
mkdir "$RUN_DIR/t"
# Servers that will not run as root reach their folders through it.
chmod 711 "$RUN_DIR" "$RUN_DIR/t"
bridges >"$RUN_DIR/bridges"
trap 'unmount_below "$RUN_DIR"; rm -rf --one-file-system "$RUN_DIR"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

main "$@"
