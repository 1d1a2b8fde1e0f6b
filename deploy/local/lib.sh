# shellcheck shell=bash
# What the scripts beside this file share: looking for what is needed, installing it, and starting and ending processes.
# To be read by them (`. lib.sh`), not run.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# Where the output of what runs silently goes; the scripts choose their own.
logs=$root/.build-try/logs

if [ -t 1 ]; then
    bold=$'\e[1m' faint=$'\e[2m' plain=$'\e[0m'
else
    bold='' faint='' plain=''
fi

title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
say() { printf '  %s\n' "$*"; }
row() { printf '  %-10s %s\n' "$1" "$2"; }
die() {
    printf '\n%s: %s\n' "$(basename -- "$0")" "$1" >&2
    shift
    [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
    exit 1
}

# step LABEL LOG COMMAND...: runs the command with its output in the file LOG, shows meanwhile that it goes on, and shows the end of
# the file if the command fails.
step() {
    local label=$1 log=$2 start=$SECONDS ticker status=0
    shift 2
    mkdir -p -- "$(dirname -- "$log")"
    : >"$log"
    ticker_loop "$label" "$log" &
    ticker=$!
    "$@" >"$log" 2>&1 </dev/null || status=$?
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    [ ! -t 1 ] || printf '\r\e[K'
    if [ "$status" -ne 0 ]; then
        printf '%s\n' "--- the end of $log" >&2
        tail -n 30 -- "$log" >&2
        die "$label failed (exit status $status) after $((SECONDS - start)) s"
    fi
    row "$label" "done in $((SECONDS - start)) s"
}

ticker_loop() {
    local label=$1 log=$2 start=$SECONDS columns line
    if [ -t 1 ]; then
        columns=$(tput cols 2>/dev/null || echo 80)
        while :; do
            line=$(tail -n 1 -- "$log" 2>/dev/null | tr -d '\r\e' | cut -c "1-$((columns - 25))") || line=''
            printf '\r\e[K  %-10s %4d s  %s%s%s' "$label" $((SECONDS - start)) "$faint" "$line" "$plain"
            sleep 0.5
        done
    else
        while :; do
            # It may outlive this loop, and must keep neither a lock nor a pipe open.
            sleep 20 9>&- >/dev/null 2>&1
            row "$label" "$((SECONDS - start)) s so far"
        done
    fi
}

# build_release: builds the program as it is meant to be deployed, and sets `binary`. With the Swift libraries in it, the program
# starts faster and needs less memory.
build_release() {
    local options=(--package-path "$root" --configuration release --static-swift-stdlib)
    [ -d "$root/.build/release" ] || row build "the first build takes some minutes"
    step build "$logs/build.log" swift build "${options[@]}" --product registry-query
    # shellcheck disable=SC2034  # used by the scripts that read this file
    binary=$root/.build/release/registry-query
}

# ---- what is needed

# Puts a Swift of at least 6.2 into PATH, or says where it looked.
need_swift() {
    local candidates=("${SWIFT_HOME:-}" /opt/swift/usr/bin /usr/local/swift/usr/bin /usr/share/swift/usr/bin
        "$HOME/.local/share/swiftly/bin" "$HOME/swift/usr/bin") directory version looked=()
    if ! command -v swift >/dev/null; then
        looked+=("PATH ($PATH)")
        for directory in "${candidates[@]}"; do
            [ -n "$directory" ] || continue
            looked+=("$directory")
            if [ -x "$directory/swift" ]; then
                PATH=$directory:$PATH
                break
            fi
        done
    fi
    command -v swift >/dev/null || die "Swift is missing. Looked in:" "${looked[@]}" "" \
        "Get Swift 6.2 or newer from https://www.swift.org/install/linux/ and put its usr/bin into PATH," \
        "or name that directory: SWIFT_HOME=/where/it/is/usr/bin $0"
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    case $version in
    [0-5].* | 6.[01] | '')
        die "$(command -v swift) is Swift ${version:-of an unknown version}; this package needs 6.2 or newer."
        ;;
    esac
    row swift "$version, $(command -v swift)"
}

# need_packages PACKAGE=CHECK...: installs the Debian packages whose check fails. A check is cmd:PROGRAM, lib:PKG-CONFIG-NAME, file:PATH or
# python:MODULE, so that what is there from elsewhere counts too.
need_packages() {
    local need missing=() checks=() sudo=()
    for need in "$@"; do
        if ! is_there "${need#*=}"; then
            missing+=("${need%%=*}")
            checks+=("$need")
        fi
    done
    if [ ${#missing[@]} -eq 0 ]; then
        row packages "all there"
        return
    fi
    row packages "missing: ${missing[*]}"
    command -v apt-get >/dev/null || die "apt-get is missing too, so they cannot be installed here. Needed:" "${checks[@]}"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "there is no sudo. As root, run:" \
            "apt-get update && apt-get install --no-install-recommends ${missing[*]}"
        sudo=(sudo)
        sudo -v || die "sudo refused. As root, run:" "apt-get install --no-install-recommends ${missing[*]}"
    fi
    step "apt update" "$logs/apt-update.log" "${sudo[@]}" apt-get -q update
    step install "$logs/apt-install.log" \
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}"
    hash -r
    for need in "${checks[@]}"; do
        is_there "${need#*=}" || die "installed ${need%%=*}, but ${need#*=} is still not there." "See $logs/apt-install.log"
    done
}

is_there() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null ;;
    lib:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#lib:}" ;;
    file:*) [ -e "${1#file:}" ] ;;
    python:*) python3 -c "import ${1#python:}" 2>/dev/null ;;
    *) die "no such check: $1" ;;
    esac
}

# What building and running need, and what the tests and figures need beside it.
# shellcheck disable=SC2034  # used by the scripts that read this file
run_packages=(pkg-config=cmd:pkg-config libcurl4-openssl-dev=lib:libcurl libssl-dev=lib:libcrypto git=cmd:git
    ca-certificates=file:/etc/ssl/certs/ca-certificates.crt curl=cmd:curl jq=cmd:jq docker-registry=cmd:docker-registry
    apache2-utils=cmd:htpasswd buildah=cmd:buildah crun=cmd:crun util-linux=cmd:setpriv)
# shellcheck disable=SC2034
test_packages=(skopeo=cmd:skopeo openssl=cmd:openssl python3=cmd:python3 python3-venv=python:ensurepip
    kubernetes-client=cmd:kubectl openssh-server=file:/usr/sbin/sshd openssh-client=cmd:ssh busybox=cmd:busybox
    prometheus=cmd:promtool chromium=cmd:chromium)

# Finds out what buildah needs to work here, by letting it carry out a Dockerfile, and exports it.
need_buildah() {
    local directory isolation driver
    directory=$(mktemp -d)
    # The one program that Debian links statically: it runs in an image that has nothing else.
    cp /sbin/ldconfig "$directory/probe"
    printf 'FROM scratch\nCOPY probe /probe\nRUN ["/probe", "--version"]\n' >"$directory/Dockerfile"
    for driver in "${STORAGE_DRIVER:-}" vfs; do
        for isolation in "${BUILDAH_ISOLATION:-}" chroot; do
            if buildah_works "$directory" "$isolation" "$driver"; then
                rm -rf -- "$directory"
                [ -z "$isolation" ] || export BUILDAH_ISOLATION=$isolation
                [ -z "$driver" ] || export STORAGE_DRIVER=$driver
                row buildah "works${isolation:+ with BUILDAH_ISOLATION=$isolation}${driver:+ STORAGE_DRIVER=$driver}"
                return
            fi
        done
    done
    rm -rf -- "$directory"
    tail -n 5 -- "$logs/buildah.log" >&2
    die "buildah cannot build here, neither by itself nor with BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs." \
        "Its own words are in $logs/buildah.log"
}

# buildah_works DIRECTORY ISOLATION DRIVER
buildah_works() {
    local settings=(${2:+"BUILDAH_ISOLATION=$2"} ${3:+"STORAGE_DRIVER=$3"}) image=localhost/registry-query-probe
    mkdir -p -- "$logs"
    env "${settings[@]}" timeout 60 buildah build --tag "$image" "$1" >"$logs/buildah.log" 2>&1 </dev/null || return 1
    env "${settings[@]}" timeout 60 buildah rmi "$image" >>"$logs/buildah.log" 2>&1 || true
}

# ---- processes: a file says which ones are ours, by number and start time, so that no other process is ever ended

# remember FILE PID: writes down a process that was just started.
remember() { printf '%s %s\n' "$2" "$(started_at "$2")" >"$1"; }

# Field 22 of /proc/PID/stat; the name before it may contain anything, so it is cut off first.
started_at() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# Whether the process that FILE tells of still runs.
is_running() {
    local pid start
    [ -r "$1" ] && read -r pid start <"$1" && [ -n "$pid" ] && [ "$(started_at "$pid")" = "$start" ]
}

# end_process FILE [SECONDS]: ends the process that FILE tells of, politely for so many seconds.
end_process() {
    local pid deadline=$((SECONDS + ${2:-10}))
    if is_running "$1"; then
        read -r pid _ <"$1"
        kill -TERM "$pid" 2>/dev/null || true
        while is_running "$1"; do
            if [ "$SECONDS" -ge "$deadline" ]; then
                kill -KILL "$pid" 2>/dev/null || true
            fi
            sleep 0.1
        done
    fi
    rm -f -- "$1"
}

# end_builds SETTING...: ends build workers and what they run. They outlive the service on purpose; they are known by a line of their
# environment that only our service was given: TMPDIR. Not by a setting that is in `env`, too: whoever reads that file has it as well,
# and so has the script that he starts then.
end_builds() {
    local environment pid round settings=()
    for pid in "$@"; do settings+=(-e "$pid"); done
    for round in 1 2 3 4 5 6 7 8 9 10; do
        pid=''
        for environment in /proc/[0-9]*/environ; do
            if tr '\0' '\n' 2>/dev/null <"$environment" | grep -qxF "${settings[@]}"; then
                pid=${environment#/proc/}
                pid=${pid%/environ}
                if [ "$round" -lt 5 ]; then kill -TERM "$pid" 2>/dev/null || true; else kill -KILL "$pid" 2>/dev/null || true; fi
            fi
        done
        [ -n "$pid" ] || return 0
        sleep 0.5
    done
}

# The first free port from $1 on.
free_port() {
    local port=$1
    while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
    echo "$port"
}

# wait_for SECONDS PIDFILE COMMAND...: until the command succeeds; fails when the time is over or the process has ended.
wait_for() {
    local deadline=$((SECONDS + $1)) file=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ "$SECONDS" -ge "$deadline" ] || ! is_running "$file"; then return 1; fi
        sleep 0.1
    done
}

# start_registry DIRECTORY PORT: Debian's registry with its data and the one user "demo" in that directory, on loopback. Credentials go
# into DIRECTORY/docker/config.json, and for curl into DIRECTORY/curl-registry.
start_registry() {
    local directory=$1 port=$2 password
    (umask 077 && mkdir -p -- "$directory/docker" "$directory/registry")
    if [ ! -s "$directory/password" ]; then
        (umask 077 && head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$directory/password")
    fi
    password=$(cat -- "$directory/password")
    (
        umask 077
        printf '%s' "$password" | htpasswd -iBn demo >"$directory/htpasswd"
        jq -n --arg host "127.0.0.1:$port" --arg auth "$(printf 'demo:%s' "$password" | base64 -w 0)" \
            '{auths: {($host): {auth: $auth}}}' >"$directory/docker/config.json"
        printf 'user = "demo:%s"\n' "$password" >"$directory/curl-registry"
        # JSON is YAML too, and jq writes any path correctly.
        jq -n --arg address "127.0.0.1:$port" --arg data "$directory/registry" --arg users "$directory/htpasswd" '{
            version: "0.1", log: {accesslog: {disabled: false}, level: "warn"},
            storage: {filesystem: {rootdirectory: $data}, delete: {enabled: false}},
            http: {addr: $address}, auth: {htpasswd: {realm: "registry", path: $users}}}' >"$directory/registry.yml"
    )
    setsid docker-registry serve "$directory/registry.yml" >"$directory/registry.log" 2>&1 </dev/null 9>&- &
    remember "$directory/registry.pid" $!
    wait_for 15 "$directory/registry.pid" curl -sf -K "$directory/curl-registry" "http://127.0.0.1:$port/v2/" ||
        die "the registry does not answer on 127.0.0.1:$port" "$(tail -n 5 -- "$directory/registry.log")"
}

# start_service DIRECTORY PROGRAM ADDRESS SETTING...: the service, listening there; returns when it is ready.
start_service() {
    local directory=$1 program=$2 address=$3
    shift 3
    setsid env "$@" "LISTEN=$address" "$program" serve >"$directory/service.log" 2>&1 </dev/null 9>&- &
    remember "$directory/service.pid" $!
    wait_for 15 "$directory/service.pid" curl -sf "http://$address/readyz" ||
        die "the service is not ready at http://$address/readyz" "$(curl -s "http://$address/readyz" || true)" \
            "The end of $directory/service.log:" "$(tail -n 10 -- "$directory/service.log")"
}
