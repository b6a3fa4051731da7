# shellcheck shell=bash
# Both daemons over one bucket, and their clients. To be sourced by run, after tests/s3/server.sh and
# with `build`, `peer` (the directory of the reference's programs) and `place` set.
#
#   daemon_start WHOSE NAME PREFIX [VAR=VALUE]... [-- OPTION...]
#                       WHOSE: ours, theirs. Empty caches below place/NAME; the log is place/NAME.log.
#                       Sets NAME_tcp and NAME_http to the addresses it listens at.
#   daemon_stop NAME    ends it
#   daemons_stop        ends all that run
#   ask CLIENT WHERE SALT <COMMANDS >ANSWERS
#                       CLIENT: ours-tcp, ours-http (our library), theirs-tcp, theirs-http,
#                       theirs-shm, library-tcp, library-http (their library under the C ABI)

declare -A daemon_pid

daemon_settings() { # NAME PREFIX
    echo "WMBT_KV_S3_ENDPOINT=http://127.0.0.1:$server_port WMBT_KV_BUCKET=wombatkv-interop
        WMBT_KV_S3_ACCESS_KEY=$server_key WMBT_KV_S3_SECRET_KEY=$server_secret WMBT_KV_S3_PREFIX=$2
        HOME=$place/$1 WMBT_KV_PUFFER_DIR=$place/$1/puffer WMBT_KV_PUFFER_DISK_BYTES=1073741824"
}

# Until the log of NAME has COUNT lines with TEXT; false when it is gone or 60 s are over.
daemon_wait() { # NAME TEXT COUNT
    local turn
    for ((turn = 0; turn < 600; turn++)); do
        [ "$(grep -cF -- "$2" "$place/$1.log")" -ge "$3" ] && return 0
        kill -0 "${daemon_pid[$1]}" 2>/dev/null || break
        sleep 0.1
    done
    echo "the daemon $1 did not get ready:" >&2
    sed 's/^/    /' "$place/$1.log" >&2
    return 1
}

daemon_bound() { # NAME TRANSPORT, from our log line "ready"
    sed -n 's/.*"event":"ready".*"'"$2"'":"\([^"]*\)".*/\1/p' "$place/$1.log"
}

daemon_start() {
    local whose=$1 name=$2 prefix=$3 settings=() tcp=127.0.0.1:0 http=127.0.0.1:0 program
    shift 3
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        settings+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    rm -rf "${place:?}/$name"
    mkdir -p "$place/$name"
    : >"$place/$name.log"
    program=$build/wombatkv-daemon
    if [ "$whose" = theirs ]; then # it does not tell which port it got
        program=$peer/wombatkv-daemon
        tcp=127.0.0.1:$(server_free_port)
        http=127.0.0.1:$(server_free_port)
    fi
    # shellcheck disable=SC2046 # a list of settings
    env $(daemon_settings "$name" "$prefix") "${settings[@]}" \
        "$program" --tcp "$tcp" --http "$http" "$@" >"$place/$name.log" 2>&1 &
    daemon_pid[$name]=$!
    if [ "$whose" = theirs ]; then
        daemon_wait "$name" compio_bridge_shard_listening 4 || return
    else
        daemon_wait "$name" '"event":"ready"' 1 || return
        tcp=$(daemon_bound "$name" tcp)
        http=$(daemon_bound "$name" http)
    fi
    printf -v "${name}_tcp" %s "$tcp"
    printf -v "${name}_http" %s "$http"
}

daemon_stop() {
    kill "${daemon_pid[$1]}" 2>/dev/null
    wait "${daemon_pid[$1]}" 2>/dev/null
    unset "daemon_pid[$1]"
}

daemons_stop() {
    local name
    for name in "${!daemon_pid[@]}"; do
        daemon_stop "$name"
    done
}

ask() {
    local transport=${1#*-}
    case $1 in
    ours-*) timeout 120 "$build/tests/interop/client" "$transport" "$2" "$3" ;;
    library-*)
        LD_LIBRARY_PATH=$place/library WMBT_KV_QUIET_BANNER=1 timeout 120 \
            "$build/tests/interop/client" "$transport" "$2" "$3" 2>>"$place/library.log"
        ;;
    theirs-*) timeout 120 "$peer/wombatkv-peer" "$transport" "$2" "$3" ;;
    esac
}
