#!/usr/bin/env bash
# Writes a tar with what the base of ops/Dockerfile has, taken from this machine: the .NET runtime, a shell, a few tools and git.
# Stands for mcr.microsoft.com/dotnet/aspnet where nothing can be pulled.
set -euo pipefail

TOOLS=(bash dash sh mkdir chown chmod rm mv ls cat id touch sed env git)
DOTNET=$(dirname "$(readlink -f "$(command -v dotnet)")")
GIT=$(git --exec-path)

main() {
    # Not local: the trap runs after main.
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    (cd "$root" && mkdir -p usr/bin usr/sbin usr/lib usr/lib64 usr/share etc root var/lib/releasebot && mkdir -m 1777 tmp && ln -s usr/bin usr/sbin usr/lib usr/lib64 .)
    rmdir "$root/var/lib/releasebot"
    printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1654:1654::/home/app:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\napp:x:1654:\n' >"$root/etc/group"
    {
        printf '%s\n' "$GIT"/git{,-remote-http,-remote-https,-submodule,-sh-setup,-sh-i18n,-sh-prompt} "$GIT"/../../share/git-core /etc/ssl/certs
        printf '%s\n' "$DOTNET"/{dotnet,host,shared/Microsoft.NETCore.App,shared/Microsoft.AspNetCore.App}
        printf '%s\n' "${TOOLS[@]/#//usr/bin/}"
        libraries "$GIT"/git-remote-http "${TOOLS[@]/#//usr/bin/}" "$DOTNET"/dotnet "$DOTNET"/shared/Microsoft.NETCore.App/*/*.so
        # Opened by name while it runs.
        ldconfig -p | awk '/x86-64|AArch64/ && /lib(ssl|crypto)\.so/ { print $NF }'
    } | while read -r path; do
        copy "$root" "$path"
    done
    ln -sf "$DOTNET/dotnet" "$root/usr/bin/dotnet"
    tar -C "$root" --owner=0 --group=0 --numeric-owner -cf - .
}

libraries() {
    ldd "$@" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// && $1 !~ /:$/ { print $1 }' | sort -u
}

# copy ROOT PATH: to where it is, as the file it is and not as a link to it; /bin and /lib are links to folders below /usr.
copy() {
    local to
    [[ -e $2 ]] || return 0
    to=$1$(realpath "$(dirname "$2")")
    mkdir -p "$to"
    cp -rL --preserve=mode "$2" "$to/" 2>/dev/null || true
}

main
