#!/usr/bin/env bash
# What a good script does from the same source: the archive, one BuildKit build on an engine that stays, and both registries pushed to at once.
# It is logged in already, looks at nothing, writes nothing down, and moves latest whatever it points to.
set -euo pipefail

# shellcheck source=stages.sh
source "$(dirname "${BASH_SOURCE[0]}")/stages.sh"

mkdir source
curl --silent --show-error --fail --header @header "$ARCHIVE_URL" | tar --extract --gzip --strip-components 1 --directory source
done_with source
docker build --quiet --tag "$FIRST/$REPOSITORY:latest" --tag "$FIRST/$REPOSITORY:$VERSION" \
    --tag "$SECOND/$REPOSITORY:latest" --tag "$SECOND/$REPOSITORY:$VERSION" source >/dev/null
done_with build
pushes=()
for host in "$FIRST" "$SECOND"; do
    { docker push --quiet "$host/$REPOSITORY:$VERSION" && docker push --quiet "$host/$REPOSITORY:latest"; } >/dev/null &
    pushes+=($!)
done
for push in "${pushes[@]}"; do
    wait "$push"
done
done_with push
