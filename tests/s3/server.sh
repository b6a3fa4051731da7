# shellcheck shell=bash
# Real S3 servers for the tests: built once by the Go toolchain from a pinned version, kept outside
# the tree, run on a free port of the loopback with their data in a temporary directory. To be
# sourced; tests/s3/server is the command.
#
#   server_build NAME           prints the path of the program, builds it where it is not cached
#   server_cached NAME          prints the path, or fails
#   server_start NAME DIR       sets server_pid, server_port; data in DIR/data, its output in DIR/log
#   server_start NAME DIR PORT  the same on this port, for a server that comes back
#   server_stop                 ends it, and waits for that
#   server_bucket BUCKET        makes a bucket, as the root user
#
# NAME is minio or versitygw (a gateway over a POSIX directory, by other authors than MinIO's).

server_cache=${WMBT_KV_CACHE:-$HOME/.cache/wombatkv}
server_key=${server_key:-wombat-access}
server_secret=${server_secret:-wombat-secret-1}
server_pid=
server_port=

# Exit status of a server that cannot be had here; nothing else ends with it.
readonly SERVER_SKIP=77

# Import path, version, and the module's sum as `go version -m` tells it.
server_pin() {
    case $1 in
    minio)
        echo github.com/minio/minio v0.0.0-20260212201848-7aac2a2c5b7c \
            h1:/qdoYujxF5MBLDMVLeiYJ/7fBa1HikX39Dvzb9Ji8pA=
        ;;
    versitygw)
        echo github.com/versity/versitygw/cmd/versitygw v1.8.0 h1:au+wI+aybno/STsQiSm35Uu6Q6iK5MWReQxgO6SEMFc=
        ;;
    *)
        echo "no server is called $1: minio, versitygw" >&2
        return 2
        ;;
    esac
}

server_cached() {
    local pin version program
    pin=$(server_pin "$1") || return
    read -r _ version _ <<<"$pin"
    program=$server_cache/$1-$version/$1
    [ -x "$program" ] && echo "$program"
}

server_build() {
    local pin path version sum place
    server_cached "$1" && return
    pin=$(server_pin "$1") || return
    read -r path version sum <<<"$pin"
    if ! command -v go >/dev/null; then
        echo "SKIP $1: no Go toolchain to build it with (and none is cached in $server_cache)" >&2
        return $SERVER_SKIP
    fi
    mkdir -p "$server_cache"
    place=$(mktemp -d "$server_cache/building-XXXXXX")
    echo "building $1 $version, once" >&2
    if ! GOFLAGS=-trimpath GOBIN=$place go install "$path@$version" >"$place/log" 2>&1; then
        sed 's/^/    /' "$place/log" >&2
        rm -rf "$place"
        echo "SKIP $1: go install $path@$version failed (see above)" >&2
        return $SERVER_SKIP
    fi
    rm -f "$place/log"
    if ! go version -m "$place/$1" | grep -qF "$sum"; then
        rm -rf "$place"
        echo "$1 $version was built from a module whose sum is not $sum" >&2
        return 1
    fi
    mv -T "$place" "$server_cache/$1-$version" 2>/dev/null || rm -rf "$place" # somebody was faster
    server_cached "$1"
}

server_free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

server_launch() {
    local name=$1 dir=$2 port=$3 program
    program=$(server_cached "$name") || return
    mkdir -p "$dir/data"
    case $name in
    minio)
        MINIO_ROOT_USER=$server_key MINIO_ROOT_PASSWORD=$server_secret MINIO_DOMAIN=localhost \
            MINIO_BROWSER=off MINIO_UPDATE=off "$program" server --quiet \
            --address "127.0.0.1:$port" "$dir/data" >>"$dir/log" 2>&1 &
        ;;
    versitygw)
        mkdir -p "$dir/meta"
        ROOT_ACCESS_KEY=$server_key ROOT_SECRET_KEY=$server_secret "$program" --quiet \
            --port "127.0.0.1:$port" --virtual-domain localhost \
            posix --sidecar "$dir/meta" "$dir/data" >>"$dir/log" 2>&1 &
        ;;
    esac
    server_pid=$!
    server_port=$port
}

# As root: an S3 request by curl, its status on standard output.
server_curl() {
    curl -sS -o /dev/null -w '%{http_code}' --max-time 10 --aws-sigv4 aws:amz:us-east-1:s3 \
        -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --user "$server_key:$server_secret" "$@" 2>/dev/null
}

# True as soon as it serves requests, false when it is gone or 30 s are over.
server_wait() {
    local turn
    for ((turn = 0; turn < 300; turn++)); do
        kill -0 "$server_pid" 2>/dev/null || return 1
        [ "$(server_curl "http://127.0.0.1:$server_port/")" = 200 ] && return 0
        sleep 0.1
    done
    return 1
}

server_start() {
    local try
    for try in 1 2 3; do
        server_launch "$1" "$2" "${3:-$(server_free_port)}" || return
        server_wait && return 0
        server_stop
        echo "$1 did not start (try $try)" >&2
    done
    sed 's/^/    /' "$2/log" >&2
    return 1
}

server_stop() {
    [ -n "$server_pid" ] || return 0
    kill "$server_pid" 2>/dev/null
    wait "$server_pid" 2>/dev/null
    server_pid=
}

server_bucket() {
    local status
    status=$(server_curl -X PUT "http://127.0.0.1:$server_port/$1")
    [ "$status" = 200 ] || {
        echo "bucket $1 was not made: status $status" >&2
        return 1
    }
}
