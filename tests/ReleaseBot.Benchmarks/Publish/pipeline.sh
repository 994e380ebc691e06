#!/usr/bin/env bash
# The job that teams keep in .gitlab-ci.yml, as GitLab's documentation has it: clone, log in, build and push latest and the version
# to the first registry, then the same again for the second. The engine is a fresh one, as a dind service's is.
set -euo pipefail

# shellcheck source=stages.sh
source "$(dirname "${BASH_SOURCE[0]}")/stages.sh"

git clone --quiet --depth 20 "$CLONE_URL" source
cd source
done_with clone
docker login --username "$REGISTRY_USER" --password-stdin "$FIRST" <<<"$REGISTRY_PASSWORD" >/dev/null
docker build --quiet --tag "$FIRST/$REPOSITORY:latest" --tag "$FIRST/$REPOSITORY:$VERSION" . >/dev/null
done_with first-build
docker push --quiet "$FIRST/$REPOSITORY:latest" >/dev/null
docker push --quiet "$FIRST/$REPOSITORY:$VERSION" >/dev/null
done_with first-push
docker login --username "$REGISTRY_USER" --password-stdin "$SECOND" <<<"$REGISTRY_PASSWORD" >/dev/null
docker build --quiet --tag "$SECOND/$REPOSITORY:latest" --tag "$SECOND/$REPOSITORY:$VERSION" . >/dev/null
done_with second-build
docker push --quiet "$SECOND/$REPOSITORY:latest" >/dev/null
docker push --quiet "$SECOND/$REPOSITORY:$VERSION" >/dev/null
done_with second-push
