# shellcheck shell=bash
# Starts real parts (an engine, registries, other programs) in one private folder, and ends all of it again. Needs say.sh.
#
# Whatever is started is written down in PARTS_DIR/pids as "PID STARTTIME": a pid that was given to another process
# meanwhile is recognised and left alone. The folder's name is short, since a socket's path may have 107 bytes at the most.

PARTS_DIR=

# parts_begin: makes the folder.
parts_begin() {
    PARTS_DIR=$(mktemp -d /tmp/rb.XXXXXX)
    mkdir "$PARTS_DIR/pids" "$PARTS_DIR/logs"
}

# parts_resume DIR: takes up what an earlier run left running.
parts_resume() {
    [[ $1 =~ ^/tmp/rb\.[A-Za-z0-9]{6}$ && -d $1/pids && -O $1 ]] || die "$1 is not the folder of a demo that was left running."
    PARTS_DIR=$1
}

# parts_end: ends the parts, the last one started first, and removes everything that they made. Safe to call twice.
parts_end() {
    local record
    [[ -n $PARTS_DIR && -d $PARTS_DIR ]] || return 0
    for record in $(printf '%s\n' "$PARTS_DIR"/pids/* | sort -r); do
        [[ -e $record ]] || continue
        if [[ $record == *-dockerd ]]; then
            kill_containers
        fi
        stop_part "$record" 20
    done
    unmount_below "$PARTS_DIR"
    end_strays
    unmount_below "$PARTS_DIR"
    remove_bridges
    rm -rf --one-file-system "$PARTS_DIR"
    PARTS_DIR=
}

# --- processes ---

# start_part NAME COMMAND...: runs it in the background, in a session of its own, so that Ctrl+C reaches this script alone
# and the parts end in order. Its output goes to PARTS_DIR/logs/NAME.log.
start_part() {
    local name=$1 count
    shift
    count=$(find "$PARTS_DIR/pids" -type f | wc -l)
    setsid "$@" >>"$PARTS_DIR/logs/$name.log" 2>&1 </dev/null &
    printf '%s %s\n' $! "$(start_time $!)" >"$PARTS_DIR/pids/$(printf '%03d' "$count")-$name"
    # Or the shell reports on its own how the process ended.
    disown
}

# start_time PID: field 22 of proc(5)'s stat; empty for a process that is gone or a zombie.
start_time() {
    { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null || true; } | awk '$1 != "Z" { print $20 }'
}

# part_runs RECORD: whether the process written down there is still that process.
part_runs() {
    local pid time
    read -r pid time <"$1"
    [[ -n $time && $(start_time "$pid") == "$time" ]]
}

# part_record NAME
part_record() {
    printf '%s\n' "$PARTS_DIR"/pids/*-"$1" | tail -n 1
}

# stop_part RECORD SECONDS: SIGTERM, and SIGKILL to what has not ended by then.
stop_part() {
    local pid
    read -r pid _ <"$1"
    if part_runs "$1"; then
        kill -TERM "$pid" 2>/dev/null || true
        if ! wait_until "$2" part_is_gone "$1"; then
            kill -KILL "$pid" 2>/dev/null || true
            wait_until 5 part_is_gone "$1" || bad "process $pid (${1##*-}) does not end"
        fi
    fi
    rm -f "$1"
}

part_is_gone() {
    ! part_runs "$1"
}

# wait_until SECONDS COMMAND...: tries it each tenth of a second; fails when the time is over.
wait_until() {
    local limit=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < limit)) || return 1
        sleep 0.1
    done
}

# end_strays: what outlives an engine. A build step that runs when the engine ends goes on as a child of init (seen with dockerd
# 20.10), and a killed engine leaves its containerd and shims. A process is ours if and only if its root file system, or for the
# engine's own helpers an argument, lies in our folder, whose random name nobody else has.
end_strays() {
    local name=${PARTS_DIR##*/} file pid
    # Processes come and go while grep reads, so its exit code tells nothing.
    { grep -l -F "/$name/" /proc/[0-9]*/mountinfo 2>/dev/null || true; } | while read -r file; do
        if awk -v name="/$name/" '$5 == "/" && index($0, name) { found = 1 } END { exit !found }' "$file" 2>/dev/null; then
            pid=${file#/proc/}
            kill -KILL "${pid%/*}" 2>/dev/null || true
        fi
    done
    { grep -l -E '^(containerd|containerd-shim|docker-proxy|runc)$' /proc/[0-9]*/comm 2>/dev/null || true; } | while read -r file; do
        pid=${file#/proc/}
        pid=${pid%/*}
        if tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -F "$PARTS_DIR/"; then
            kill -KILL "$pid" 2>/dev/null || true
        fi
    done
}

# last_words NAME: the end of a part's log, for when it fails.
last_words() {
    say "the last lines of the log of $1:"
    tail -n 15 "$PARTS_DIR/logs/$1.log" | dim
}

# --- addresses ---

# free_port: prints a TCP port of loopback that nobody listens on, outside of the range the kernel gives out by itself.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        if [[ -z $(ss -Hltn "sport = :$port") ]] && mkdir "$PARTS_DIR/port-$port" 2>/dev/null; then
            printf '%s\n' "$port"
            return
        fi
    done
}

# wait_http URL SECONDS [RECORD]: until it answers anything at all; fails early when the part has ended.
wait_http() {
    local limit=$((SECONDS + $2))
    until curl --silent --output /dev/null --max-time 2 "$1"; do
        if ((SECONDS >= limit)) || { [[ -n ${3:-} ]] && ! part_runs "$3"; }; then
            return 1
        fi
        sleep 0.1
    done
}

# make_bridge: a bridge of our own in a subnet that is in no route. The default one, docker0, may belong to another engine.
make_bridge() {
    local name subnet
    for _ in {1..50}; do
        name=rb$(random_hex 4)
        subnet=10.$((200 + RANDOM % 50)).$((RANDOM % 256))
        if subnet_is_free "$subnet" && ip link add name "$name" type bridge 2>/dev/null; then
            printf '%s\n' "$name" >>"$PARTS_DIR/bridges"
            ip address add "$subnet.1/24" dev "$name"
            ip link set "$name" up
            return
        fi
    done
    die "No bridge could be made: there is no free subnet in 10.200.0.0/10, or no right to make network devices."
}

# subnet_is_free A.B.C: neither a part of a route (the default one apart), nor one that a route is a part of.
subnet_is_free() {
    ! ip -4 route show table all match "$1.0/24" | grep -qv '^default' && [[ -z $(ip -4 route show table all root "$1.0/24") ]]
}

remove_bridges() {
    local name
    [[ -e $PARTS_DIR/bridges ]] || return 0
    while read -r name; do
        ip link delete "$name" 2>/dev/null || true
    done <"$PARTS_DIR/bridges"
}

# --- the engine ---

# start_dockerd DIR: an engine of our own. Its socket is DIR/docker.sock. It shares nothing with another one on the machine: no
# configuration file, no bridge, no firewall rules. Containers reach each other and the host, nothing beyond.
start_dockerd() {
    local dir=$1
    mkdir -p "$dir"
    make_bridge
    printf '{}\n' >"$dir/daemon.json"
    # BuildKit cuts a step's log off after 2 MiB, or 200 KiB a second.
    BUILDKIT_STEP_LOG_MAX_SIZE=104857600 BUILDKIT_STEP_LOG_MAX_SPEED=104857600 start_part dockerd dockerd \
        --config-file "$dir/daemon.json" --data-root "$dir/data" --exec-root "$dir/x" --pidfile "$dir/docker.pid" \
        --host "unix://$dir/docker.sock" --storage-driver "$(storage_driver "$dir")" --bridge "$(tail -n 1 "$PARTS_DIR/bridges")" \
        --iptables=false --ip-masq=false --ip-forward=false --max-concurrent-uploads 20
    if ! wait_until 30 engine_answers_or_ended "$dir/docker.sock" || ! engine_answers "$dir/docker.sock"; then
        last_words dockerd
        die "The Docker engine did not start."
    fi
    printf '%s\n' "$dir/docker.sock" >"$PARTS_DIR/engine"
}

engine_answers() {
    [[ $(curl --silent --max-time 2 --unix-socket "$1" http://localhost/_ping) == OK ]]
}

engine_answers_or_ended() {
    engine_answers "$1" || part_is_gone "$(part_record dockerd)"
}

# storage_driver DIR: overlay2 where the folder's file system can carry it, else vfs, which copies but works everywhere.
# Left to itself the engine may pick one that needs a partition of its own.
storage_driver() {
    local probe=$1/probe driver=vfs
    mkdir -p "$probe"/{lower,upper,work,merged}
    if mount -t overlay overlay -o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work" "$probe/merged" 2>/dev/null; then
        umount "$probe/merged"
        driver=overlay2
    fi
    rm -rf "$probe"
    printf '%s\n' "$driver"
}

# engine_docker ARGUMENTS...: the docker client on our engine, with a configuration of our own.
engine_docker() {
    docker --config "$PARTS_DIR/client" --host "unix://$(<"$PARTS_DIR/engine")" "$@"
}

# kill_containers: or the engine would wait ten seconds for each that ignores SIGTERM.
kill_containers() {
    local containers
    [[ -e $PARTS_DIR/engine ]] || return 0
    mapfile -t containers < <(timeout 10 docker --host "unix://$(<"$PARTS_DIR/engine")" ps --quiet 2>/dev/null || true)
    if ((${#containers[@]})); then
        timeout 10 docker --host "unix://$(<"$PARTS_DIR/engine")" kill "${containers[@]}" >/dev/null 2>&1 || true
    fi
}

# unmount_below DIR: everything mounted in it, the deepest first.
unmount_below() {
    local mount
    awk -v dir="$1/" 'index($5, dir) == 1 { print length($5), $5 }' /proc/self/mountinfo | sort -rn | while read -r _ mount; do
        umount "$mount" 2>/dev/null || umount --lazy "$mount" 2>/dev/null || true
    done
}

# --- registries ---

# start_registry NAME DIR PORT htpasswd USER PASSWORD_FILE
# start_registry NAME DIR PORT token REALM SERVICE ISSUER CERTIFICATES
#   A docker-registry on 127.0.0.1:PORT, either with a user and a password of its own, or behind a server of bearer tokens whose
#   certificate it trusts, as GitLab's.
start_registry() {
    local name=$1 dir=$2 port=$3 way=$4
    shift 4
    mkdir -p "$dir"
    {
        printf 'version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\n'
        printf 'storage: {filesystem: {rootdirectory: "%s/data"}, delete: {enabled: true}}\n' "$dir"
        printf 'http: {addr: "127.0.0.1:%s", secret: "%s"}\n' "$port" "$(random_hex 32)"
        case $way in
            htpasswd)
                printf '%s:%s\n' "$1" "$(bcrypt <"$2")" >"$dir/htpasswd"
                printf 'auth: {htpasswd: {realm: "%s", path: "%s/htpasswd"}}\n' "$name" "$dir"
                ;;
            token)
                printf 'auth: {token: {realm: "%s", service: "%s", issuer: "%s", rootcertbundle: "%s"}}\n' "$@"
                ;;
            *) die "A registry's users come from htpasswd or token, not $way." ;;
        esac
    } >"$dir/config.yml"
    start_part "registry-$name" docker-registry serve "$dir/config.yml"
    if ! wait_http "http://127.0.0.1:$port/v2/" 15 "$(part_record "registry-$name")"; then
        last_words "registry-$name"
        die "The registry $name did not start."
    fi
}

# bcrypt: reads a password and prints its hash, the only kind that docker-registry takes. Debian's libcrypt makes it, and perl,
# which is in every Debian, reaches that.
bcrypt() {
    perl -e '
        use strict;
        use warnings;
        my $password = <STDIN>;
        chomp $password;
        open(my $random, "<:raw", "/dev/urandom") or die "no /dev/urandom: $!";
        read($random, my $bytes, 22) == 22 or die "no random bytes";
        my @alphabet = (".", "/", "A" .. "Z", "a" .. "z", "0" .. "9");
        my $hash = crypt($password, "\$2y\$05\$" . join("", map { $alphabet[ord($_) % 64] } split(//, $bytes)));
        defined $hash && $hash =~ /^\$2y\$05\$/ or die "this libcrypt knows no bcrypt";
        print "$hash\n";
    '
}

# --- secrets ---

# random_hex BYTES
random_hex() {
    od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

# make_secret FILE: writes 24 random bytes in hex to a file that only we can read.
make_secret() {
    (umask 077 && random_hex 24 >"$1")
}
