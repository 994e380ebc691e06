#!/usr/bin/env bash
# The keys and certificates that docker:dind makes at each start before its engine, where DOCKER_TLS_CERTDIR is set, as it is by default
# and in GitLab's templates: an authority, a server and a client, RSA of 4096 bits each (docker-library/docker, dockerd-entrypoint.sh).
set -euo pipefail

openssl req -x509 -newkey rsa:4096 -noenc -days 825 -subj '/CN=docker:dind CA' -keyout ca-key.pem -out ca.pem 2>/dev/null
for name in server client; do
    mkdir "$name"
    cp ca.pem "$name/ca.pem"
    openssl req -newkey rsa:4096 -noenc -subj "/CN=docker:dind $name" -keyout "$name/key.pem" -out "$name.csr" 2>/dev/null
    openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 825 -out "$name/cert.pem" 2>/dev/null \
        -extfile <(printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=%sAuth\n' "$name")
done
