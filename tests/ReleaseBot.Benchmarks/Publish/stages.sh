# shellcheck shell=bash
# Says how long each stage of a job took, for those who read the figures; the clock is the shell's own, so that no process is started for it.

began=${EPOCHREALTIME/./}

# done_with STAGE: prints "stage STAGE MICROSECONDS", since the stage before or the start.
done_with() {
    local now=${EPOCHREALTIME/./}
    echo "stage $1 $((now - began))"
    began=$now
}
