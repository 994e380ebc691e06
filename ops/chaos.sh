#!/usr/bin/env bash
# Strikes a whole fleet of ReleaseBot at random and looks whether every promise was kept. See --help.
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
usage: ops/chaos.sh [--drill NAME] [--releases N] [--projects N] [--seed N] [--fault-every SECONDS] [--limit MINUTES] [--keep-logs DIR]

Starts two web processes, three workers, two Docker engines behind TLS, two registries, PostgreSQL and RabbitMQ, all real, and a
stand-in for GitLab, and tags releases in several projects while faults strike: processes killed and frozen, a worker paused,
RabbitMQ and PostgreSQL stopped, connections cut, an engine killed, a registry that answers 500 or 429 or hangs, GitLab away. Hooks
come twice, late, out of order or not at all; one project publishes to a second repository besides, one follows a branch that is
pushed several times in a breath, two builds print thousands of lines, and an operator retries a tag that was refused before it was
protected. At the end it looks from outside whether each promise was kept. It exits with 0 only if all were.

  --drill NAME           chaos: all faults at random; bus-away: RabbitMQ is stopped while the hooks arrive; rolling-restart: each
                         process, PostgreSQL and RabbitMQ are restarted in turn while hooks come, the API is read and logs are
                         followed through a load balancer: no request may fail (chaos)
  --away MINUTES         how long RabbitMQ is away in bus-away (10)
  --releases N           protected tags that have to be published (30)
  --projects N           projects that they are spread over (4), besides the one with the branch
  --seed N               of the tags and the faults (random; it is printed)
  --fault-every SECONDS  mean time between two faults (4)
  --limit MINUTES        for all to end in (6, or 10 s a release; bus-away: besides what RabbitMQ is away for)
  --keep-logs DIR        where what every process printed is left
TEXT
}

if [[ ${1:-} == --help || ${1:-} == -h ]]; then
    usage
    exit 0
fi

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
require_dotnet
require_root
meet_needs "${TEST_NEEDS[@]}"
step "Build"
dotnet build "$ROOT/tests/ReleaseBot.Chaos" --configuration Release --verbosity quiet --nologo -clp:NoSummary -p:RunAnalyzers=false
publish_program "$ROOT/artifacts/publish/tested" -p:RunAnalyzers=false
export RELEASEBOT_PROGRAM=$ROOT/artifacts/publish/tested/ReleaseBot.dll
good "built"
step "Chaos"
exec "$ROOT/artifacts/bin/ReleaseBot.Chaos/release/ReleaseBot.Chaos" "$@"
