# shellcheck shell=bash
# The steps of the demo. Needs say.sh, install.sh, parts.sh, and ROOT.
#
# Secrets are made at random, lie in PARTS_DIR/secrets, and reach programs by files or the environment, never as arguments.

SHOP=acme/shop
CLAIMS=0
declare -A PORT

secret() {
    printf '%s/secrets/%s' "$PARTS_DIR" "$1"
}

# claim TEXT COMMAND...: the demo ends where a claim does not hold.
claim() {
    local text=$1
    shift
    if "$@"; then
        CLAIMS=$((CLAIMS + 1))
        good "$text"
    else
        bad "$text"
        die "The demo ends here: that was not so."
    fi
}

# json_holds FILE FILTER ARGUMENTS...: whether jq's filter says true of it.
json_holds() {
    local file=$1 filter=$2
    shift 2
    jq --exit-status "$@" "$filter" "$file" >/dev/null
}

# --- what it needs ---

install_needs() {
    local missing installed
    missing=$(missing_packages "${DEMO_NEEDS[@]}" | xargs)
    if [[ -z $missing ]]; then
        good "everything is there"
        return
    fi
    say "installing $missing"
    installed=$(install_missing "${DEMO_NEEDS[@]}")
    good "installed $installed; no service was started"
}

# The analysers are for those who change the code; without them the build takes half the time.
build_programs() {
    local project from
    export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
    from=$(now)
    for project in src/ReleaseBot tests/ReleaseBot.StandIns; do
        if ! dotnet build "$ROOT/$project" --configuration Release --verbosity quiet -clp:NoSummary \
            -p:RunAnalyzers=false >"$PARTS_DIR/logs/build.log" 2>&1; then
            last_words build
            die "$project could not be built."
        fi
    done
    BOT_DLL=$ROOT/artifacts/bin/ReleaseBot/release/ReleaseBot.dll
    STANDINS_DLL=$ROOT/artifacts/bin/ReleaseBot.StandIns/release/ReleaseBot.StandIns.dll
    good "built in $(seconds_since "$from") s"
}

# --- the parts ---

start_parts() {
    make_secrets
    local name
    for name in bot gitlab tokens chat dockerhub registry; do
        PORT[$name]=$(free_port)
    done
    start_engine
    start_dockerhub
    start_gitlab_registry
    start_gitlab
    start_chat
}

make_secrets() {
    local name
    mkdir -m 700 "$PARTS_DIR/secrets"
    for name in gitlab-token pusher-password dockerhub-password registry-password chat-path access-token; do
        make_secret "$(secret "$name")"
    done
    (umask 077 && printf 'whsec_%s\n' "$(head -c 32 /dev/urandom | base64 -w 0)" >"$(secret signing-token)")
    # For curl, which reads headers and passwords from files.
    (
        umask 077
        printf 'Authorization: Bearer %s\n' "$(<"$(secret access-token)")" >"$(secret access-header)"
        printf 'user = "bot:%s"\n' "$(<"$(secret dockerhub-password)")" >"$(secret dockerhub.curl)"
        printf 'user = "bot:%s"\n' "$(<"$(secret registry-password)")" >"$(secret registry.curl)"
    )
}

start_engine() {
    local from
    from=$(now)
    start_dockerd "$PARTS_DIR/d"
    good "a Docker engine of its own ($(engine_docker version --format '{{.Server.Version}}'), $(engine_docker info --format '{{.Driver}}' 2>/dev/null)), up in $(seconds_since "$from") s"
}

start_dockerhub() {
    start_registry dockerhub "$PARTS_DIR/dockerhub" "${PORT[dockerhub]}" htpasswd bot "$(secret dockerhub-password)"
    good "a registry with a user and a password, at 127.0.0.1:${PORT[dockerhub]}"
}

start_gitlab_registry() {
    start_standin tokens tokens --url "http://127.0.0.1:${PORT[tokens]}" --data "$PARTS_DIR/tokens" --user "bot:$(secret registry-password)"
    start_registry gitlab "$PARTS_DIR/registry" "${PORT[registry]}" token \
        "http://127.0.0.1:${PORT[tokens]}/jwt/auth" container_registry gitlab-issuer "$PARTS_DIR/tokens/token-server.pem"
    good "a registry behind bearer tokens, as GitLab's own, at 127.0.0.1:${PORT[registry]}"
}

start_gitlab() {
    start_standin gitlab gitlab --url "http://127.0.0.1:${PORT[gitlab]}" --data "$PARTS_DIR/gitlab" --token-file "$(secret gitlab-token)" \
        --project "$SHOP" --protect 'v*' --push-user "jdoe:$(secret pusher-password)" \
        --hook-url "http://127.0.0.1:${PORT[bot]}/webhooks/gitlab" --signing-token-file "$(secret signing-token)"
    good "a stand-in for GitLab over a real git repository, at 127.0.0.1:${PORT[gitlab]}; it protects the tags v*"
}

start_chat() {
    CHAT_OUT=$PARTS_DIR/chat.jsonl
    : >"$CHAT_OUT"
    start_standin chat chat --url "http://127.0.0.1:${PORT[chat]}" --out "$CHAT_OUT" --secret-file "$(secret chat-path)"
    good "a stand-in for Slack, at 127.0.0.1:${PORT[chat]}"
}

# start_standin NAME ARGUMENTS...: waits for its line that begins with READY.
start_standin() {
    local name=$1
    shift
    start_part "$name" dotnet "$STANDINS_DLL" "$@"
    if ! wait_until 20 standin_is_ready_or_ended "$name" || ! standin_is_ready "$name"; then
        last_words "$name"
        die "The stand-in $name did not start."
    fi
}

standin_is_ready() {
    grep -q '^READY' "$PARTS_DIR/logs/$1.log"
}

standin_is_ready_or_ended() {
    standin_is_ready "$1" || part_is_gone "$(part_record "$1")"
}

# --- the bot ---

start_bot() {
    local from
    BOT_URL=http://127.0.0.1:${PORT[bot]}
    from=$(now)
    mkdir -p "$PARTS_DIR/bot"
    write_bot_config >"$PARTS_DIR/bot/releasebot.json"
    run_bot_with_secrets
    if ! wait_until 30 bot_is_ready_or_ended || ! bot_is_ready; then
        last_words bot
        die "ReleaseBot did not become ready."
    fi
    claim "it is ready after $(seconds_since "$from") s: $BOT_URL, one process, SQLite, nothing else to run" bot_is_ready
}

bot_is_ready() {
    [[ $(curl --silent --output /dev/null --max-time 2 --write-out '%{http_code}' "$BOT_URL/healthz/ready") == 200 ]]
}

bot_is_ready_or_ended() {
    bot_is_ready || part_is_gone "$(part_record bot)"
}

write_bot_config() {
    jq --null-input \
        --arg url "$BOT_URL" --arg gitlab "http://127.0.0.1:${PORT[gitlab]}" \
        --arg registry "127.0.0.1:${PORT[registry]}" --arg realm "http://127.0.0.1:${PORT[tokens]}/jwt/auth" \
        --arg dockerhub "127.0.0.1:${PORT[dockerhub]}" --arg socket "unix://$PARTS_DIR/d/docker.sock" \
        --arg database "Data Source=$PARTS_DIR/bot/releasebot.db" '
        {
            Urls: $url,
            GitLab: { Url: $gitlab },
            Registries: {
                gitlab: { Host: $registry, Insecure: true, TokenRealm: $realm, Username: "bot" },
                dockerhub: { Host: $dockerhub, Insecure: true, Username: "bot" }
            },
            Projects: [ {
                Path: "acme/**",
                Tags: ["*"],
                BuildArgs: { VERSION: "{version}" },
                Images: [
                    { Registry: "gitlab", Repository: "{project.path}", Tags: ["{tag}", "latest"] },
                    { Registry: "dockerhub", Repository: "acme/{project.name}", Tags: ["{tag}", "latest"] }
                ],
                Notify: [ { Channel: "team", On: ["Published", "Failed", "Rejected", "Recovered"] } ]
            } ],
            Channels: { team: { Kind: "Slack" } },
            Engine: { Endpoint: $socket },
            Storage: { ConnectionString: $database }
        }'
}

# In a subshell, so that the secrets are in no other process's environment.
run_bot_with_secrets() {
    # shellcheck disable=SC2030,SC2031
    (
        export GitLab__Token Registries__gitlab__Password Registries__dockerhub__Password Channels__team__Url
        export GitLab__Webhook__SigningTokens__0 Access__Tokens__0__Name Access__Tokens__0__Secret
        export Access__Tokens__0__Scopes__0=read Access__Tokens__0__Scopes__1=operate
        GitLab__Token=$(<"$(secret gitlab-token)")
        GitLab__Webhook__SigningTokens__0=$(<"$(secret signing-token)")
        Registries__gitlab__Password=$(<"$(secret registry-password)")
        Registries__dockerhub__Password=$(<"$(secret dockerhub-password)")
        Channels__team__Url=http://127.0.0.1:${PORT[chat]}/services/T00000000/B00000000/$(<"$(secret chat-path)")
        Access__Tokens__0__Name=demo
        Access__Tokens__0__Secret=$(<"$(secret access-token)")
        cd "$PARTS_DIR/bot" || exit
        start_part bot dotnet "$BOT_DLL" serve --config "$PARTS_DIR/bot/releasebot.json"
    )
}

# api PATH: an answer of the bot's API; fails with the status of a problem.
api() {
    curl --silent --show-error --fail-with-body --max-time 10 --header "@$(secret access-header)" "$BOT_URL/api/v1/$1"
}

# --- pushing ---

# prepare_repository: the sample application in a git repository of its own, with the machine's static busybox.
prepare_repository() {
    WORK=$PARTS_DIR/work
    cp -r "$ROOT/ops/demo/app" "$WORK"
    cp "$(command -v busybox)" "$WORK/busybox"
    # git asks this program for the name and the password.
    # shellcheck disable=SC2016
    printf '#!/bin/sh\ncase $1 in User*) echo jdoe ;; *) cat "%s" ;; esac\n' "$(secret pusher-password)" >"$PARTS_DIR/askpass"
    chmod 700 "$PARTS_DIR/askpass"
    work_git init --quiet --initial-branch=main
    work_git remote add origin "http://127.0.0.1:${PORT[gitlab]}/$SHOP.git"
    work_git add .
    work_git commit --quiet --message "A shop"
}

work_git() {
    GIT_ASKPASS=$PARTS_DIR/askpass GIT_TERMINAL_PROMPT=0 GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null git -C "$WORK" \
        -c user.name="Jane Doe" -c user.email=jdoe@acme.example -c credential.helper= "$@"
}

# push_tag TAG PROJECT: sets RELEASE to the id of what the webhook made of it.
push_tag() {
    local from
    [[ -d $PARTS_DIR/work ]] || prepare_repository
    work_git tag "$1"
    say "\$ git push origin main $1"
    from=$(now)
    work_git push --quiet origin main "$1" 2>&1 | dim
    PUSHED_AT=$from
    if ! wait_until 15 find_release "$1"; then
        die "No release appeared for $1."
    fi
    claim "the webhook made a release of it within $(seconds_since "$from") s: $BOT_URL/releases/$RELEASE" [ -n "$RELEASE" ]
}

find_release() {
    RELEASE=$(api "releases?project=$SHOP&ref=$1" | jq --raw-output '.items[0].id // empty')
    [[ -n $RELEASE ]]
}

change_page() {
    sed -i 's/This is the shop/This is the new shop/' "$WORK/page.html"
    work_git commit --quiet --all --message "A new page"
    say "the page was changed, and nothing else"
}

# --- watching ---

# follow_release TAG: the live log until the release ends, then its status.
follow_release() {
    local tag=$1
    say "\$ curl -N -H 'Accept: text/event-stream' $BOT_URL/api/v1/releases/$RELEASE/log"
    curl --silent --no-buffer --max-time 120 --header "@$(secret access-header)" --header 'Accept: text/event-stream' \
        "$BOT_URL/api/v1/releases/$RELEASE/log" | tee "$PARTS_DIR/log-$tag.sse" | sed -un 's/^data: \{0,1\}//p' | tr -d '\r' | dim || true
    wait_until 30 release_has_ended || die "The release did not end after its log did."
    claim "the release is published, $(seconds_since "$PUSHED_AT") s after the push" release_is published
    claim "the log showed the slow step while it ran" log_shows "$tag" 'checked shipping\|CACHED'
}

release_has_ended() {
    api "releases/$RELEASE" >"$PARTS_DIR/release.json" &&
        jq --exit-status '.status | IN("published", "rejected", "failed", "canceled", "superseded")' "$PARTS_DIR/release.json" >/dev/null
}

release_is() {
    [[ $(jq --raw-output .status "$PARTS_DIR/release.json") == "$1" ]] || {
        jq --raw-output '"\(.status): \(.reason.code // "-"): \(.reason.message // "-")"' "$PARTS_DIR/release.json" | dim
        return 1
    }
}

log_shows() {
    grep -q "$2" "$PARTS_DIR/log-$1.sse"
}

# --- what was published ---

# show_images TAG: the table, and each digest as the registry itself tells it.
show_images() {
    local tag=$1 digest host repository name reference
    {
        printf 'IMAGE\tSTATUS\tDIGEST\tSECONDS\n'
        jq --raw-output '
            def seconds: capture("^(?<whole>[^.Z]+)(?<part>\\.[0-9]+)?Z$") | (.whole + "Z" | fromdate) + ("0" + (.part // "") | tonumber);
            (.startedAt | seconds) as $start
            | .images[]
            | [.reference, .status, (.digest // "-")[:19], (if .finishedAt then ((.finishedAt | seconds) - $start) * 10 | round / 10 else "-" end)]
            | @tsv' "$PARTS_DIR/release.json"
    } | table | dim
    digest=$(jq --raw-output '.images[0].digest' "$PARTS_DIR/release.json")
    DIGEST[$tag]=$digest
    # shellcheck disable=SC2016 # jq's variables
    claim "every image has the same digest" json_holds "$PARTS_DIR/release.json" \
        '.images | length == 4 and all(.digest == $digest)' --arg digest "$digest"
    for name in dockerhub registry; do
        host=127.0.0.1:${PORT[$name]}
        for reference in "$tag" latest; do
            repository=$SHOP
            claim "$host/$repository:$reference is ${digest:0:19} by the registry's own word" registry_has "$name" "$repository" "$reference" "$digest"
        done
    done
}

declare -A DIGEST

registry_has() {
    [[ $(registry_digest "$1" "$2" "$3") == "$4" ]]
}

# registry_digest NAME REPOSITORY TAG: asked of the registry, with its user's password.
registry_digest() {
    local -a access
    if [[ $1 == registry ]]; then
        (umask 077 && registry_token "$2" >"$(secret registry-header)")
        access=(--header "@$(secret registry-header)")
    else
        access=(--config "$(secret "$1.curl")")
    fi
    curl --silent --show-error --head --max-time 10 "${access[@]}" \
        --header 'Accept: application/vnd.docker.distribution.manifest.v2+json' --header 'Accept: application/vnd.oci.image.manifest.v1+json' \
        --header 'Accept: application/vnd.oci.image.index.v1+json' "http://127.0.0.1:${PORT[$1]}/v2/$2/manifests/$3" |
        tr -d '\r' | sed -n 's/^docker-content-digest: //Ip'
}

registry_token() {
    printf 'Authorization: Bearer %s\n' "$(curl --silent --show-error --max-time 10 --config "$(secret registry.curl)" \
        "http://127.0.0.1:${PORT[tokens]}/jwt/auth?service=container_registry&scope=repository:$1:pull" | jq --raw-output .token)"
}

compare_versions() {
    claim "v1.0.1 is another image than v1.0.0" [ "${DIGEST[v1.0.1]}" != "${DIGEST[v1.0.0]}" ]
    claim "v1.0.0 is still what it was" registry_has dockerhub "$SHOP" v1.0.0 "${DIGEST[v1.0.0]}"
    claim "the slow step came from the cache" log_shows v1.0.1 CACHED
    claim "latest moved from v1.0.0 to v1.0.1, and the history knows it" latest_moved
}

latest_moved() {
    api "images?reference=127.0.0.1:${PORT[dockerhub]}/$SHOP:latest" >"$PARTS_DIR/latest.json" || return
    jq --raw-output '.moves[] | "\(.at[:19])  \(.verdict)  \((.from // "nothing")[:19]) -> \((.to // "-")[:19])  \(.version // "-")"' "$PARTS_DIR/latest.json" | dim
    # shellcheck disable=SC2016 # jq's variables
    json_holds "$PARTS_DIR/latest.json" '.digest == $to and .registryDigest == $to and any(.moves[]; .from == $from and .to == $to)' \
        --arg from "${DIGEST[v1.0.0]}" --arg to "${DIGEST[v1.0.1]}"
}

# run_image TAG: pulled from the registry with the tokens, run, and asked for its page.
run_image() {
    local tag=$1 image container address page
    image=127.0.0.1:${PORT[registry]}/$SHOP:$tag
    log_in
    say "\$ docker run --detach $image"
    engine_docker pull --quiet "$image" 2>&1 | dim
    container=$(engine_docker run --detach --rm "$image" 2>"$PARTS_DIR/logs/docker-run.log") || {
        last_words docker-run
        die "The image does not run."
    }
    address=$(engine_docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$container")
    wait_http "http://$address:8080/" 10 || die "The container does not answer."
    page=$(curl --silent --max-time 5 "http://$address:8080/" | grep '<p>' | sed 's/<[^>]*>//g')
    claim "the container says: $page" [ "${page#*version }" = "${tag#v}." ]
    engine_docker kill "$container" >/dev/null
}

# log_in: what docker login would write, without the password among the arguments.
log_in() {
    mkdir -p "$PARTS_DIR/client"
    chmod 700 "$PARTS_DIR/client"
    (
        umask 077
        {
            printf 'bot:'
            tr -d '\n' <"$(secret registry-password)"
        } | base64 -w 0 | jq --raw-input --arg host "127.0.0.1:${PORT[registry]}" '{auths: {($host): {auth: .}}}' >"$PARTS_DIR/client/config.json"
    )
}

# --- the chat and the refusal ---

# show_chat REF: the message as it arrived.
show_chat() {
    wait_until 20 chat_has "$1" || die "The chat was told nothing of $1."
    chat_messages "$1" | jq --raw-output '.blocks[] | (.text // .elements[0]).text' | dim
    claim "one message, and Slack's rules take it" [ "$(chat_messages "$1" | jq --slurp length)" = 1 ]
}

chat_messages() {
    jq --compact-output --arg ref " $1 " 'select(.status == 200) | .body | fromjson | select(.text | contains($ref))' "$CHAT_OUT"
}

chat_has() {
    [[ -n $(chat_messages "$1") ]]
}

see_refusal() {
    wait_until 30 release_has_ended || die "No verdict on $1."
    jq --raw-output '"\(.status): \(.reason.message)"' "$PARTS_DIR/release.json" | dim
    claim "it is rejected, since GitLab does not protect it" json_holds "$PARTS_DIR/release.json" \
        '.status == "rejected" and .reason.code == "ref-not-protected"'
    claim "no registry has it" [ -z "$(registry_digest dockerhub "$SHOP" "$1")$(registry_digest registry "$SHOP" "$1")" ]
    show_chat "$1"
}

# --- the history ---

show_history() {
    say "\$ curl $BOT_URL/api/v1/releases"
    api releases >"$PARTS_DIR/history.json"
    {
        printf 'REF\tSTATUS\tCOMMIT\tBY\tWHY\n'
        jq --raw-output '.items[] | [.ref.name, .status, .commit[:8], (.trigger.user // "-"), (.reason.code // "-")] | @tsv' "$PARTS_DIR/history.json"
    } | table | dim
    claim "all three are in it" json_holds "$PARTS_DIR/history.json" '[.items[].ref.name] == ["experiment", "v1.0.1", "v1.0.0"]'
    claim "no secret is in the bot's log" no_secret_in "$PARTS_DIR/logs/bot.log"
}

no_secret_in() {
    local name
    for name in gitlab-token pusher-password dockerhub-password registry-password chat-path access-token signing-token; do
        if grep -q -F -f "$(secret "$name")" "$1"; then
            return 1
        fi
    done
}

tell_where() {
    [[ -n ${KEEP:-} ]] || return 0
    printf '\n'
    say "dashboard    $BOT_URL/ (any user; the password is in $(secret access-token))"
    say "API          curl -H @$(secret access-header) $BOT_URL/api/v1/releases"
    say "repository   $WORK, to be pushed with GIT_ASKPASS=$PARTS_DIR/askpass"
    say "engine       docker -H unix://$PARTS_DIR/d/docker.sock images"
    say "chat         $CHAT_OUT"
    say "logs         $PARTS_DIR/logs"
}
