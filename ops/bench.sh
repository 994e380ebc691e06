#!/usr/bin/env bash
# Measures ReleaseBot side by side with what would be used instead. See --help.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=lib/say.sh
source "$ROOT/ops/lib/say.sh"
# shellcheck source=lib/program.sh
source "$ROOT/ops/lib/program.sh"
# shellcheck source=lib/install.sh
source "$ROOT/ops/lib/install.sh"

usage() {
    cat <<'TEXT'
usage: ops/bench.sh [PART...] [--rounds N] [--case TEXT] [--short] [--json FILE]

Measures ReleaseBot on this machine and with real parts: publish, intake and context in turns with what would be used instead. It ends with a table
of medians and ratios, and writes every round to a JSON file. Installs what it lacks, as ops/test.sh does; needs root and the .NET SDK.

PART, all of them where none is named:
  publish      from a tag to images on two registries: a CI job with a cold dind, a good script, ReleaseBot
               (needs 35 GB below /tmp; 12 with --case source, dependencies, nothing or first)
  intake       hooks stored and answered in a second, against webhook, pgbench and a bare Kestrel
  overheads    hook to queued, queued to build start, last push to published; in-memory bus on SQLite, RabbitMQ and PostgreSQL
  cancel       from an operator's cancel to the end of the step at the engine, with the same two
  history      every filter of the API, and every two of them, over a million releases, in SQLite and PostgreSQL
  context      GitLab's archive streamed into the engine's context, against tar; memory at 100 MB, 1 GB and 4 GB (needs 6 GB of disk)
  log          from a line that a build prints to everybody who follows its log, one and a hundred; a line now and then, and
               as many as BuildKit lets a step print
  workers      claims a second with 10, 1,000 and 100,000 waiting, of many projects and few, due and not (--case claims);
               releases a minute of 1, 2 and 4 workers whose engine does nothing but wait (--case releases)
  start        from the process's start to ready, memory at rest, the size of the program and of its layer of the image
  micro        planner, webhook signature, payload, build context, versions, each by itself, with BenchmarkDotNet

  --rounds N   how often each thing is measured (5); history asks each address a hundred times instead
  --case TEXT  of publish and workers, only the cases whose name contains it, e.g. source
  --deliveries N
               of intake, how many hooks a bot takes at the least before its memory is looked at again
  --short      small data and one round: shows that it works, measures nothing
  --json FILE  where the figures go (artifacts/bench.json)

All of it takes an hour and a quarter on two cores. A machine that does something else meanwhile gives figures that mean nothing: look at uptime first.
So does one that has just deleted many files, where its file system is an ext4 without a journal: wait for six minutes.
TEXT
}

if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    usage
    exit 0
fi

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
require_dotnet
require_root
cd "$ROOT"
meet_needs "${TEST_NEEDS[@]}" "${BENCH_NEEDS[@]}"
step "Build"
dotnet build tests/ReleaseBot.Benchmarks --configuration Release --verbosity quiet --nologo -clp:NoSummary -p:RunAnalyzers=false
publish_program "$ROOT/artifacts/publish/bench" -p:RunAnalyzers=false
good "built"
step "Benchmarks"
say "load before: $(cut -d' ' -f1-3 /proc/loadavg)"
exec dotnet artifacts/bin/ReleaseBot.Benchmarks/release/ReleaseBot.Benchmarks.dll --program artifacts/publish/bench/ReleaseBot.dll "$@"
