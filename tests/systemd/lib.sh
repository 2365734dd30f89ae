# For the scenarios: agentd as its installer puts it, and words for what is waited for.
# shellcheck shell=bash

set -euo pipefail
export PATH=/usr/local/bin:$PATH
API=/run/stereos/agentd.sock
TMUX_SOCKET=/run/agentd/tmux.sock

fail() {
    echo "FAILED at line ${BASH_LINENO[*]}: $*"
    exit 1
}
trap 'echo "FAILED at line $LINENO: $BASH_COMMAND"' ERR

# Waits until a command succeeds. For what nobody announces; the bound only says when it has failed.
until_true() {
    local deadline=$((SECONDS + 30))
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || fail "waited in vain for: $*"
        sleep 0.02
    done
}

is() { [[ $2 == $3 ]] || fail "$1 is '$2', not '$3'"; }
isnt() { [[ $2 != $3 ]] || fail "$1 is '$2'"; }
property() { systemctl show --value -p "$2" "$1"; }
get() { curl -sS --max-time 10 --unix-socket "$API" "http://localhost$1"; }

# A field of an agent: `of NAME FIELD`; `-` where it has none.
of() { get "/v1/agents/$1" | python3 -c 'import json, sys; print(json.load(sys.stdin).get(sys.argv[1], "-"))' "$2"; }
state_is() { [[ $(of "$1" state) == "$2" ]]; }
wait_state() { until_true state_is "$1" "$2"; }
picture() { for name in "$@"; do echo "$name $(of "$name" pid) $(of "$name" started_at) $(of "$name" restarts) $(of "$name" next_restart_at)"; done; }
main_pid() { property "${1-agentd}" MainPID; }
of_user() { pgrep -u agent >/dev/null; }

# Replaces the configuration as careful writers do.
configure() {
    cat >/etc/stereos/.new
    mv /etc/stereos/.new /etc/stereos/jcard.toml
}

# A table for an agent that runs a line of shell: `agent NAME LINE [FIELD…]`.
agent() {
    printf '[[agents]]\nname = "%s"\nharness = "custom"\ncommand = ["/bin/sh", "-c", """%s"""]\nworkdir = "/home/agent"\n' "$1" "$2"
    shift 2
    (($# == 0)) || printf '%s\n' "$@"
    echo
}

# A drop-in: `override UNIT LINE…`.
override() {
    mkdir -p "/etc/systemd/system/$1.d"
    printf '%s\n' "${@:2}" >"/etc/systemd/system/$1.d/test.conf"
    systemctl daemon-reload
}

/source/nix/systemd/install /binaries >/dev/null
