#!/usr/bin/env bash
# Takes a newcomer from a fresh clone to a running notebook with one command.
#
# Called by people (see `./install.sh help`), by .ci/run (`./install.sh test`) and by tests/e2e/test_install.py.
# Runs under bash 3.2 too, the one macOS ships: no associative arrays, no mapfile, no "${empty[@]}".
#
# Where things go:
#   program       $BOUCLE_HOME/bin/boucle      BOUCLE_HOME defaults to ${XDG_DATA_HOME:-~/.local/share}/boucle,
#                                              and to DIR/share/boucle with --prefix DIR
#   JupyterLab    $BOUCLE_HOME/venv            only where no working `jupyter lab` is on PATH
#   kernelspec    `boucle install` decides     --user (default), --sys-prefix, --prefix DIR
#   cell runtime  $BOUCLE_CACHE_DIR            default ${XDG_CACHE_HOME:-~/.cache}/boucle
#   build files   $BOUCLE_TARGET_DIR           default $BOUCLE_CACHE_DIR/target
#   test tools    $BOUCLE_CACHE_DIR/test-venv  only for `./install.sh test`
#   history       $BOUCLE_HISTORY              of what was typed, made by kernels: ${XDG_STATE_HOME:-~/.local/state}/boucle/history.sqlite

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
command=install
place=--user
prefix=

usage() {
    cat <<'USAGE'
Boucle: a Jupyter kernel for Rust whose event loop lives across cells

  ./install.sh [PLACE]            build, install, and run the first lesson in this terminal
  ./install.sh lab                open the lessons in JupyterLab
  ./install.sh doctor             say what notebooks lack on this machine
  ./install.sh test               run all tests: Rust, then end to end through Jupyter and a browser
  ./install.sh uninstall [PLACE]  remove everything the installation made
  ./install.sh help               show this text

PLACE says where Jupyter will find the kernel:
  --user         for you, in every Jupyter of yours (default)
  --sys-prefix   only in the environment of the `jupyter` on PATH
  --prefix DIR   in DIR, as DIR/share/jupyter/kernels/boucle; the program goes there, too

It needs Rust (https://rustup.rs), a C linker, and Python 3. Where there is no JupyterLab yet, one is put into a
private virtual environment.
USAGE
}

# ---- telling what happens -------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }
step() { printf '==> %s\n' "$*"; }

# fail MESSAGE [HINT]: what is missing, and what to do about it.
fail() {
    printf '\nerror: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then printf '  hint: %s\n' "$2" >&2; fi
    exit 1
}

usage_error() {
    printf 'error: %s\nTry: ./install.sh help\n' "$1" >&2
    exit 2
}

# watched LABEL PATTERN COMMAND…: runs a long command quietly and shows that it lives: elapsed time, the number of lines of its output
# that match PATTERN, and the last of them. The whole output is in $log, and its end is printed if the command fails.
watched() {
    local label=$1 pattern=$2 since=$SECONDS shown=-1 pid status=0
    shift 2
    log=$(mktemp "${TMPDIR:-/tmp}/boucle-install.XXXXXX")
    logs="$logs $log"
    "$@" >"$log" 2>&1 &
    pid=$!
    watching=$pid
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.2
        local elapsed=$((SECONDS - since))
        if [ -t 1 ]; then
            printf '\r\033[K    %s' "$(progress "$label" "$pattern" "$elapsed")"
        elif [ $((elapsed / 10)) -gt "$shown" ]; then
            shown=$((elapsed / 10))
            if [ "$elapsed" -ge 10 ]; then printf '    %s\n' "$(progress "$label" "$pattern" "$elapsed")"; fi
        fi
    done
    wait "$pid" || status=$?
    watching=
    if [ -t 1 ]; then printf '\r\033[K'; fi
    if [ "$status" -eq 0 ]; then
        say "    $label: $(matches "$pattern") steps, $((SECONDS - since)) s"
    else
        say "    $label: failed after $((SECONDS - since)) s; the end of its output:"
        tail -n 25 "$log" | sed 's/^/    | /'
    fi
    return "$status"
}

progress() {
    printf '%s: %s s, %s steps, %s' "$1" "$3" "$(matches "$2")" "$(grep -E "$2" "$log" | tail -n 1 | sed 's/^ *//' | cut -c 1-60)"
}

matches() { grep -cE "$1" "$log" || true; }

no_network_in_log() {
    grep -qiE 'could not resolve|failed to download|download of .* failed|failed to fetch|network|connection (refused|reset|timed out)|timed out|failed to establish|name resolution|proxyerror|sslerror|from versions: none|attempting to make an HTTP' "$log"
}

logs=
watching=
cleanup() {
    if [ -n "$watching" ]; then kill "$watching" 2>/dev/null || true; fi
    # shellcheck disable=SC2086 # a list of names made by mktemp
    if [ -n "$logs" ]; then rm -f $logs; fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- what the machine must have -------------------------------------------------------------------------------------

need_rust() {
    local wanted have
    if ! command -v cargo >/dev/null 2>&1; then
        PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
        export PATH
    fi
    wanted=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$here/Cargo.toml" | head -n 1)
    command -v cargo >/dev/null 2>&1 ||
        fail "there is no \`cargo\` on PATH" "install Rust $wanted or newer from https://rustup.rs, open a new terminal, and run this again"
    command -v rustc >/dev/null 2>&1 ||
        fail "there is \`cargo\` but no \`rustc\` on PATH" "install Rust $wanted or newer from https://rustup.rs"
    have=$(rustc --version | sed -n 's/^rustc \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p')
    [ -n "$have" ] || fail "\`rustc --version\` does not answer: $(rustc --version 2>&1 | head -n 1)" "repair the toolchain: rustup update stable"
    if [ "${have%%.*}" -lt "${wanted%%.*}" ] || { [ "${have%%.*}" -eq "${wanted%%.*}" ] && [ "${have#*.}" -lt "${wanted#*.}" ]; }; then
        fail "Rust $have is too old: Boucle needs $wanted or newer" "rustup update stable"
    fi
    say "    Rust $have"
}

need_linker() {
    local dir status=0
    dir=$(mktemp -d "${TMPDIR:-/tmp}/boucle-install.XXXXXX")
    printf 'fn main() {}\n' >"$dir/probe.rs"
    rustc --out-dir "$dir" "$dir/probe.rs" >"$dir/out" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        if grep -q 'linker' "$dir/out"; then
            rm -rf "$dir"
            fail "there is no C linker, and Rust needs one" "Debian, Ubuntu: sudo apt install build-essential; Fedora: sudo dnf install gcc; macOS: xcode-select --install"
        fi
        cat "$dir/out" >&2
        rm -rf "$dir"
        fail "rustc cannot compile an empty program" "repair the toolchain: rustup update stable"
    fi
    rm -rf "$dir"
}

need_python() {
    command -v python3 >/dev/null 2>&1 ||
        fail "there is no \`python3\` on PATH, and Jupyter needs one" "Debian, Ubuntu: sudo apt install python3 python3-venv; macOS: xcode-select --install; or https://python.org"
    python3 --version >/dev/null 2>&1 ||
        fail "\`python3\` does not run: $(python3 --version 2>&1 | head -n 1)" "repair it, or put another Python 3 first on PATH"
    python3 -c "import sys; sys.exit(sys.version_info < ($1, $2))" ||
        fail "$(python3 --version) is too old: this needs Python $1.$2 or newer" "install a newer Python 3 and put it first on PATH"
}

# make_venv DIR PIP-ARGUMENTS…: a virtual environment with these packages, made again when the arguments change.
make_venv() {
    local dir=$1 stamp
    shift
    stamp="$(python3 --version) $*"
    if [ "${1:-}" = -r ]; then stamp="$stamp $(cat "$2")"; fi
    if [ -x "$dir/bin/python" ] && [ "$(cat "$dir/made-from" 2>/dev/null)" = "$stamp" ]; then return; fi
    python3 -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        fail "Python's \`venv\` module is missing" "Debian, Ubuntu: sudo apt install python3-venv"
    rm -rf "$dir"
    mkdir -p "$(dirname "$dir")"
    python3 -m venv "$dir"
    if ! watched "Python packages" '^(Collecting|Installing|Downloading)' "$dir/bin/python" -m pip install --disable-pip-version-check --progress-bar off "$@"; then
        rm -rf "$dir"
        if no_network_in_log; then fail "the Python packages could not be downloaded: is there a network?" "connect, then run this again"; fi
        fail "pip could not install the Python packages" "the reason is in the lines above"
    fi
    printf '%s\n' "$stamp" >"$dir/made-from"
}

# ---- the parts of an installation -----------------------------------------------------------------------------------

build() {
    step "Building Boucle, with rust-analyzer for completion: some ten minutes the first time (in $target)"
    mkdir -p "$target"
    if ! watched "cargo build" '^ *(Downloaded|Compiling)' cargo build --release --package boucle --manifest-path "$here/Cargo.toml"; then
        if no_network_in_log; then fail "the crates could not be downloaded: is there a network?" "connect, then run this again; what has been fetched is kept"; fi
        fail "Boucle does not build on this machine" "the reason is in the lines above"
    fi
}

install_program() {
    step "Installing the program as $program"
    mkdir -p "$(dirname "$program")"
    local part
    for part in boucle boucle-assist; do
        if ! cmp -s "$target/release/$part" "$(dirname "$program")/$part"; then
            cp "$target/release/$part" "$program.new"
            mv -f "$program.new" "$(dirname "$program")/$part" # a rename: a kernel running from the old file is not disturbed
        fi
    done
}

build_runtime() {
    step "Building what cells are linked with, for $(rustc --version)"
    if ! "$program" runtime; then
        fail "the cell runtime could not be built" "the reason is in the lines above; without a network, connect and run this again"
    fi
}

# Sets `jupyter` (a command that has `lab`) and `python` (one that has jupyter_client, for play.py): those on PATH, else the private ones.
find_jupyter() {
    local candidate
    if jupyter=$(command -v jupyter) && "$jupyter" lab --version >/dev/null 2>&1; then
        # The Python of the script's first line, the one beside it, the one on PATH.
        for candidate in "$(sed -n '1s/^#! *\([^ ]*\).*/\1/p' "$jupyter" 2>/dev/null)" "$(dirname "$jupyter")/python3" python3; do
            if [ -n "$candidate" ] && "$candidate" -c 'import jupyter_client' >/dev/null 2>&1; then
                python=$candidate
                return
            fi
        done
    fi
    jupyter=$home/venv/bin/jupyter
    python=$home/venv/bin/python
    [ -x "$jupyter" ] && [ -f "$home/venv/made-from" ]
}

get_jupyter() {
    step "Looking for JupyterLab"
    if find_jupyter; then
        say "    using $jupyter"
        return
    fi
    say "    none on PATH: installing one for Boucle alone, in $home/venv"
    make_venv "$home/venv" 'jupyterlab>=4,<5' 'jupyterlab_widgets>=3,<4' jupyter_client
}

# `boucle install --sys-prefix` asks the first `python3` on PATH for its prefix: that must be Jupyter's own.
with_jupyters_python() { PATH="$(dirname "$(command -v "$python")"):$PATH" "$@"; }

install_kernelspec() {
    step "Installing the kernelspec ($place${prefix:+ $prefix})"
    with_jupyters_python "$program" install "$place" ${prefix:+"$prefix"} | sed 's/^/    /'
    mkdir -p "$home"
    touch "$home/places"
    grep -qxF -e "$place $prefix" "$home/places" || printf '%s\n' "$place $prefix" >>"$home/places"
}

# Jupyter does not look into a --prefix of its own accord.
see_prefix() {
    if [ -n "$prefix" ]; then export JUPYTER_PATH="$prefix/share/jupyter${JUPYTER_PATH:+:$JUPYTER_PATH}"; fi
}

play_lesson() {
    step "Running the first lesson, cell by cell"
    see_prefix
    BOUCLE_HISTORY=:memory: "$python" "$here/notebooks/play.py" "$here/notebooks/event-loop.ipynb" ||
        fail "the lesson did not run as it should" "see above; \`./install.sh doctor\` checks this machine"
}

# ---- the commands ---------------------------------------------------------------------------------------------------

run_install() {
    step "Checking this machine"
    need_rust
    need_linker
    need_python 3 9
    get_jupyter
    build
    install_program
    build_runtime
    install_kernelspec
    play_lesson
    step "Done in $SECONDS s. Open the lessons in JupyterLab with: ./install.sh lab"
}

run_lab() {
    if [ ! -x "$program" ] || ! find_jupyter; then fail "Boucle is not installed yet" "run ./install.sh first"; fi
    cd "$here/notebooks"
    see_prefix
    exec "$jupyter" lab event-loop.ipynb
}

run_doctor() {
    [ -x "$program" ] || fail "Boucle is not installed yet" "run ./install.sh first"
    see_prefix
    exec "$program" doctor
}

# total WORD FILE: the sum of "N WORD" over cargo's `test result:` lines and pytest's last line.
total() {
    grep -E '^test result:|^=+ .*(passed|failed|error).* in ' "$2" | grep -oE "[0-9]+ $1" | awk '{ n += $1 } END { print n + 0 }' || true
}

# count_results FILE STATUS: adds what a test run reports to `passed` and `failed`. A run that went wrong without a failed test
# (it did not compile, it was killed) counts as one failure.
count_results() {
    local bad
    bad=$(($(total failed "$1") + $(total error "$1")))
    if [ "$2" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    passed=$((passed + $(total passed "$1")))
    failed=$((failed + bad))
}

# suite NAME COMMAND…: runs it in the open, counts, and goes on whatever happens.
suite() {
    local name=$1 out status=0
    shift
    step "$name"
    out=$(mktemp "${TMPDIR:-/tmp}/boucle-install.XXXXXX")
    logs="$logs $out"
    set +e
    "$@" 2>&1 | tee "$out"
    status=${PIPESTATUS[0]}
    set -e
    count_results "$out" "$status"
    if [ "$status" -ne 0 ]; then broken="$broken\n    $name (exit code $status)"; fi
}

run_tests() {
    passed=0 failed=0 broken=
    step "Checking this machine"
    need_rust
    need_linker
    need_python 3 11
    step "Python tools for the tests (in $cache/test-venv)"
    make_venv "$cache/test-venv" -r "$here/tests/requirements.txt"
    # rust-analyzer is built once, optimized, for the installation; what asks it is tested there.
    suite "Rust tests" cargo test --workspace --no-default-features --no-fail-fast --manifest-path "$here/Cargo.toml"
    suite "End-to-end tests" "$cache/test-venv/bin/python" -m pytest "$here/tests"
    if [ -n "$broken" ]; then
        printf '\nNot everything passed:%b\n' "$broken" >&2
        say "$passed passed, $failed failed"
        exit 1
    fi
    say "$passed passed, $failed failed"
}

remove() {
    if [ -e "$1" ]; then
        rm -rf "$1"
        say "    removed $1"
    fi
}

# Removes folders that have become empty; others are not ours.
remove_if_empty() { rmdir "$@" 2>/dev/null || true; }

run_uninstall() {
    step "Uninstalling Boucle"
    find_jupyter || true
    if [ -x "$program" ] && [ -f "$home/places" ]; then
        while read -r option folder; do
            with_jupyters_python "$program" uninstall "$option" ${folder:+"$folder"} </dev/null | sed 's/^/    /' ||
                say "    (no kernelspec was removed for $option $folder)"
            if [ -n "$folder" ]; then remove_if_empty "$folder/share/jupyter/kernels" "$folder/share/jupyter"; fi
        done <"$home/places"
    else
        say "    there is no program in $home"
    fi
    remove "$home/bin"
    remove "$home/venv"
    remove "$home/places"
    remove_if_empty "$home"
    if [ -n "$prefix" ]; then remove_if_empty "$prefix/share"; fi
    if [ -n "${BOUCLE_TARGET_DIR:-}" ]; then
        say "    left alone: $target, which you chose with BOUCLE_TARGET_DIR"
    else
        remove "$target"
    fi
    for part in "$cache"/*; do
        case $target/ in "$part"/*) ;; *) remove "$part" ;; esac
    done
    remove_if_empty "$cache"
    history=${BOUCLE_HISTORY:-${XDG_STATE_HOME:-$HOME/.local/state}/boucle/history.sqlite}
    if [ -f "$history" ]; then say "    left alone: $history, what you have typed in notebooks"; fi
    step "Done. The crates that cargo downloaded stay in cargo's own cache."
}

# The path of a folder, from wherever it is looked at.
absolute() { case $1 in /*) printf '%s\n' "$1" ;; *) printf '%s\n' "$PWD/$1" ;; esac; }

# ---- the command line -----------------------------------------------------------------------------------------------

case ${1:-} in
    lab | doctor | test | uninstall | help)
        command=$1
        shift
        ;;
    -h | --help)
        command=help
        shift
        ;;
esac
while [ $# -gt 0 ]; do
    case $1 in
        --user | --sys-prefix) place=$1 prefix= ;;
        --prefix)
            [ $# -gt 1 ] || usage_error "--prefix needs a folder"
            place=--prefix prefix=$2
            shift
            ;;
        --prefix=*) place=--prefix prefix=${1#--prefix=} ;;
        *) usage_error "unknown option or command: $1" ;;
    esac
    shift
done
if [ -n "$prefix" ]; then prefix=$(absolute "$prefix"); fi

[ -n "${HOME:-}" ] || fail "HOME is not set" "set it to your home folder"
# A relative XDG folder does not count, as their specification says; one of ours is relative to where this was called.
case ${XDG_DATA_HOME:-} in /*) ;; *) XDG_DATA_HOME=$HOME/.local/share ;; esac
case ${XDG_CACHE_HOME:-} in /*) ;; *) XDG_CACHE_HOME=$HOME/.cache ;; esac
home=${BOUCLE_HOME:-${prefix:+$prefix/share/boucle}}
home=$(absolute "${home:-$XDG_DATA_HOME/boucle}")
cache=$(absolute "${BOUCLE_CACHE_DIR:-$XDG_CACHE_HOME/boucle}")
target=$(absolute "${BOUCLE_TARGET_DIR:-$cache/target}")
program=$home/bin/boucle
export BOUCLE_CACHE_DIR="$cache" CARGO_TARGET_DIR="$target"

case $command in
    install) run_install ;;
    lab) run_lab ;;
    doctor) run_doctor ;;
    test) run_tests ;;
    uninstall) run_uninstall ;;
    help) usage ;;
esac
