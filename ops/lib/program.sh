# shellcheck shell=bash
# The program as the README has it published: compiled ahead it starts with three fifths of the processor's time, and what is tried is what people get.

# publish_program FOLDER [ARGUMENT...]: publishes it there. With the arguments of the build before it, or all is compiled once more.
publish_program() {
    dotnet publish "$ROOT/src/ReleaseBot" --configuration Release --use-current-runtime --self-contained false --output "$1" --verbosity quiet --nologo "${@:2}"
}
