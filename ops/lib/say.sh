# shellcheck shell=bash
# Calm, numbered output; colours only on a terminal.

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' GREEN=$'\e[32m' RED=$'\e[31m' RESET=$'\e[0m'
else
    BOLD='' DIM='' GREEN='' RED='' RESET=''
fi

STEP=0

# step TEXT: begins the next numbered step.
step() {
    STEP=$((STEP + 1))
    printf '\n%s%2d. %s%s\n' "$BOLD" "$STEP" "$1" "$RESET"
}

# say TEXT: a line within a step.
say() {
    printf '    %s\n' "$1"
}

# good TEXT: something that was seen to hold.
good() {
    printf '    %s✓%s %s\n' "$GREEN" "$RESET" "$1"
}

# bad TEXT: something that was seen not to hold.
bad() {
    printf '    %s✗ %s%s\n' "$RED" "$1" "$RESET"
}

# dim: what comes in, indented and in grey.
dim() {
    sed -u "s/^/      ${DIM}/; s/\$/${RESET}/"
}

# table: tab-separated lines, each column as wide as its widest cell.
table() {
    awk -F '\t' '
        { rows = NR; for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } if (NF > columns) columns = NF }
        END {
            for (r = 1; r <= rows; r++) {
                line = ""
                for (i = 1; i <= columns; i++) line = line sprintf("%-*s  ", width[i], cell[r, i])
                sub(/ +$/, "", line)
                print line
            }
        }'
}

# die TEXT...: the end, in words, on the error output.
die() {
    printf '%s%s%s\n' "$RED" "$1" "$RESET" >&2
    shift
    if (($#)); then
        printf '%s\n' "$@" >&2
    fi
    exit 1
}

# seconds_since START: with a tenth; START comes from now.
now() {
    printf '%s' "${EPOCHREALTIME/,/.}"
}

seconds_since() {
    awk -v from="$1" -v to="$(now)" 'BEGIN { printf "%.1f", to - from }'
}
