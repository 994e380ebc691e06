#!/usr/bin/env bash
# Makes the folder of secrets that docker-compose.yml mounts: a file per key and a folder per role, each with what its role needs and no more.
# What can be made up is made up; what only you know is left empty and named. A file that exists is never changed: it can be run again.
#
#   usage: ops/compose/secrets.sh [DIR]     DIR: secrets, if left out
set -euo pipefail

DIR=${1:-secrets}
MISSING=()

main() {
    # Only the owner gets in; within a container, where a folder of it is mounted, the bot's user may read.
    umask 077
    mkdir -p "$DIR"/{web,worker,migrate,postgres,rabbitmq}
    chmod 755 "$DIR"/*/

    local database broker
    database=$(keep postgres/password random)
    broker=$(keep rabbitmq/password random)
    keep rabbitmq/user.conf printf 'default_user = releasebot\ndefault_pass = %s\n' "$broker" >/dev/null

    for role in web worker migrate; do
        keep "$role/Storage__ConnectionString" printf 'Host=postgres;Database=releasebot;Username=releasebot;Password=%s' "$database" >/dev/null
    done
    for role in web worker; do
        keep "$role/Bus__Uri" printf 'amqp://releasebot:%s@rabbitmq:5672/' "$broker" >/dev/null
        yours "$role/GitLab__Token" "an access token of GitLab with read_api and read_repository (api, to write back)"
    done

    keep web/GitLab__Webhook__Secrets__0 random >/dev/null
    keep web/Access__Tokens__0__Name printf operator >/dev/null
    keep web/Access__Tokens__0__Secret random >/dev/null
    keep web/Access__Tokens__0__Scopes__0 printf read >/dev/null
    keep web/Access__Tokens__0__Scopes__1 printf operate >/dev/null
    yours web/Channels__team__Url "the URL of the chat's webhook"
    yours worker/Registries__gitlab__Password "a deploy token with read_registry and write_registry"
    yours worker/Registries__dockerhub__Password "an access token of Docker Hub that may write"

    printf 'The webhook'\''s secret token, for GitLab: %s\n' "$DIR/web/GitLab__Webhook__Secrets__0"
    printf 'The token for the API and the dashboard: %s\n' "$DIR/web/Access__Tokens__0__Secret"
    if ((${#MISSING[@]})); then
        printf 'Yours to fill in:\n'
        printf '  %s\n' "${MISSING[@]}"
    fi
}

# keep FILE COMMAND...: writes what the command prints, unless the file is there; prints what is in it.
keep() {
    local file=$DIR/$1
    shift
    [[ -s $file ]] || "$@" >"$file"
    chmod 444 "$file"
    cat "$file"
}

# yours FILE WHAT: an empty file for what can't be made up.
yours() {
    [[ -e $DIR/$1 ]] || : >"$DIR/$1"
    chmod 644 "$DIR/$1"
    [[ -s $DIR/$1 ]] || MISSING+=("$DIR/$1: $2")
}

random() {
    openssl rand -hex 32
}

main
