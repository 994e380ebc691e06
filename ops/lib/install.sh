# shellcheck shell=bash
# Installs what a script needs and the machine lacks, from Debian's own packages. Needs say.sh.
#
# A package that brings a service does not get it started, now or at the next boot: the scripts start parts of their own,
# in folders of their own, and end them again.

# Everything that the demo and the tests run besides .NET. "command:package"; with a slash it is a file, with a star any that match.
# shellcheck disable=SC2034 # for the scripts that use this one
DEMO_NEEDS=(
    dockerd:docker.io docker-registry:docker-registry git:git curl:curl jq:jq ip:iproute2
    iptables:iptables openssl:openssl /etc/ssl/certs/ca-certificates.crt:ca-certificates
)
# shellcheck disable=SC2034
TEST_NEEDS=(
    "${DEMO_NEEDS[@]}" '/usr/lib/postgresql/*/bin/postgres:postgresql' rabbitmq-server:rabbitmq-server /usr/bin/chromium:chromium
    docker-compose:docker-compose
)
# What the benchmarks compare with, beside those.
# shellcheck disable=SC2034
BENCH_NEEDS=(webhook:webhook)

# The services that those packages bring.
SERVICES=(docker.service docker.socket containerd.service docker-registry.service postgresql.service rabbitmq-server.service epmd.socket epmd.service)

require_root() {
    [[ $(id -u) == 0 ]] || die "This has to be run as root: it starts a Docker engine of its own." "Try: sudo bash $0"
}

require_dotnet() {
    if ! command -v dotnet >/dev/null || ! dotnet --list-sdks | grep -q '^10\.'; then
        die "The .NET SDK 10 is not installed (or not on the PATH)." "How to get it: https://learn.microsoft.com/dotnet/core/install/linux-debian"
    fi
}

# missing_packages NEED...: prints the package of each need that is not met.
missing_packages() {
    local need name
    for need in "$@"; do
        name=${need%%:*}
        if [[ $name == /* ]]; then
            compgen -G "$name" >/dev/null || printf '%s\n' "${need#*:}"
        elif ! command -v "$name" >/dev/null && [[ ! -x /usr/sbin/$name ]]; then
            printf '%s\n' "${need#*:}"
        fi
    done
    # The command says nothing of how it is linked, and the dynamic one does not run in an empty image.
    if ! is_installed busybox-static; then
        printf 'busybox-static\n'
    fi
}

is_installed() {
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# install_missing NEED...: prints the names of the packages it installed, if any.
install_missing() {
    local packages log
    mapfile -t packages < <(missing_packages "$@")
    if ((${#packages[@]} == 0)); then
        return 0
    fi

    command -v apt-get >/dev/null || die "These are missing, and there is no apt-get to install them with: ${packages[*]}"
    log=$(mktemp)
    install_packages "$log" "${packages[@]}"
    if ! command -v docker >/dev/null; then
        # In Debian 13 the client is a package of its own.
        install_packages "$log" docker-cli
    fi
    rm -f "$log"
    printf '%s\n' "${packages[*]}"
}

# meet_needs NEED...: the step of a script that installs what it needs.
meet_needs() {
    local installed
    step "What it needs"
    installed=$(install_missing "$@")
    good "$([[ -n $installed ]] && echo "installed $installed" || echo "everything is there")"
}

install_packages() {
    local log=$1
    shift
    if ! without_services apt_install "$@" >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        die "apt-get could not install: $*" "The whole of what it said is in $log."
    fi
}

apt_install() {
    local -a options=(-y -q -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3)
    export DEBIAN_FRONTEND=noninteractive
    apt-get "${options[@]}" update && apt-get "${options[@]}" install --no-install-recommends "$@"
}

# without_services COMMAND...: runs it while services may not be started (the interface is invoke-rc.d's policy layer,
# /usr/share/doc/init-system-helpers/README.policy-rc.d.gz), then sees to it that new ones do not start at boot either.
without_services() (
    policy=/usr/sbin/policy-rc.d
    saved=
    if [[ -e $policy ]]; then
        saved=$(mktemp)
        cp -p "$policy" "$saved"
    fi
    known=$(known_services)
    # shellcheck disable=SC2317 # called by the trap
    restore() {
        if [[ -n $saved ]]; then
            mv "$saved" "$policy"
        else
            rm -f "$policy"
        fi
    }
    trap restore EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    "$@" || exit
    if command -v systemctl >/dev/null; then
        comm -13 <(printf '%s\n' "$known") <(known_services) | xargs --no-run-if-empty systemctl --quiet disable || true
    fi
)

# Which of the services the machine has, sorted.
known_services() {
    local service
    for service in "${SERVICES[@]}"; do
        if [[ -e /lib/systemd/system/$service ]]; then
            printf '%s\n' "$service"
        fi
    done | sort
}
