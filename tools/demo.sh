#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: tools/demo.sh [BIN]: shows two peers talking, and ssh and curl with them, with the programs of BIN. Fails when a
# step does not give what it should. Touches nothing outside a temporary folder.
set -eu
root=$(dirname "$(dirname "$(readlink -f "$0")")")
bin=$(readlink -f "${1:-$root/build/release/bin}")
[ -x "$bin/duplex" ] || { echo "demo: no $bin/duplex: build it with ./dev build" >&2; exit 1; }
work=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP
cd "$work"
export PATH="$bin:$PATH" DUPLEX_HOME="$work/home" SSH_AUTH_SOCK=
unset http_proxy all_proxy ALL_PROXY

fail() {
  echo "demo: $1" >&2
  [ ! -s server.log ] || { echo "demo: the server's log:" >&2; cat server.log >&2; }
  exit 1
}

# Runs a command as one would type it; its status goes to $status, its stdout to out, its stderr to err.
run() {
  printf '\n$ %s\n' "$1"
  status=0
  timeout 20 sh -c "$1" >out 2>err || status=$?
  cat out
  cat err >&2
}
expect() { # status, stdout, stderr
  [ "$status" = "$1" ] || fail "the exit status is $status, not $1"
  [ "$(cat out)" = "$2" ] || fail "stdout should be: $2"
  [ "$(cat err)" = "$3" ] || fail "stderr should be: $3"
}
succeed() { [ "$status" = 0 ] || fail "the exit status is $status"; }

printf '# A key for each side, and the list of those who may connect.'
run 'duplex keygen -f hub_key' && succeed
run 'duplex keygen -f my_key' && succeed
run 'duplex allow --authorized-keys authorized_keys --listen shop my_key.pub' && succeed

printf '\n# One peer serves. It prints where it listens, and the fingerprint of its key.\n'
mkfifo server.out
printf '$ %s\n' "duplex serve --name hub --bind tcp://127.0.0.1:0 --identity hub_key --authorized-keys authorized_keys \\
    echo=echo frames=frames sink=sink 'shout=exec:tr a-z A-Z' 'fail=exec:echo no such luck >&2; exit 3' \\
    'web=exec:read line; printf \"HTTP/1.0 200 OK\\r\\n\\r\\nhello from the web\\n\"' &"
timeout 120 duplex serve --name hub --bind tcp://127.0.0.1:0 --identity hub_key --authorized-keys authorized_keys \
  echo=echo frames=frames sink=sink 'shout=exec:tr a-z A-Z' 'fail=exec:echo no such luck >&2; exit 3' \
  'web=exec:read line; printf "HTTP/1.0 200 OK\r\n\r\nhello from the web\n"' >server.out 2>server.log &
server=$!
exec 3<server.out
endpoint= fingerprint= line=
while read -r line <&3; do
  echo "$line"
  case $line in
    ready) break ;;
    listening*)
      endpoint=${line#listening }
      fingerprint=${endpoint#* }
      endpoint=${endpoint%% *}
      ;;
  esac
done
[ "$line" = ready ] || fail "the server is not ready"
run "export HUB=$endpoint KEY=$fingerprint" && succeed
export HUB="$endpoint" KEY="$fingerprint"

printf '\n# Another peer asks who is there.'
run 'duplex ping --identity my_key --host-key $KEY $HUB' && succeed
grep -q "^hub $fingerprint " out || fail "ping does not name the hub"

printf '\n# Frames, one a line; the service answers "!" with an error frame, which goes to stderr.'
run "printf 'hello\\n!this went wrong\\nworld\\n' | duplex open --frames --identity my_key --host-key \$KEY \$HUB frames"
expect 0 "hello
world" "this went wrong"

printf '\n# Trailers: what a service says last.'
run "printf 'one\\ntwo\\nthree\\n' | duplex open --frames --trailers --identity my_key --host-key \$KEY \$HUB sink"
expect 0 "" "bytes=23
frames=3
status=0"

printf '\n# A command as a service; its exit code is the exit status.'
run "echo 'loud and clear' | duplex open --identity my_key --host-key \$KEY \$HUB shout"
expect 0 "LOUD AND CLEAR" ""

printf '\n# Stock ssh, which knows nothing of Duplex, reaches the same service.'
cat >ssh_config <<END
Host hub
  HostName 127.0.0.1
  Port ${endpoint##*:}
  IdentityFile $work/my_key
  IdentitiesOnly yes
  BatchMode yes
  LogLevel ERROR
  ExitOnForwardFailure yes
  StrictHostKeyChecking accept-new
  UserKnownHostsFile $work/ssh_known_hosts
END
run 'cat ssh_config' && succeed
run "echo 'hello from ssh' | ssh -F ssh_config -W echo:1 hub"
expect 0 "hello from ssh" ""

printf '\n# ssh -s: a line is a frame, error frames are stderr, and the exit status is the service'"'"'s.'
run "printf 'hello\\n!this went wrong\\n' | ssh -F ssh_config -s hub frames"
expect 0 "hello" "this went wrong"
run "ssh -F ssh_config hub fail"
expect 3 "" "no such luck"

printf '\n# curl reaches a service through a listener of ssh, here a socket file.'
run 'ssh -F ssh_config -M -S ctl -f -N -L $PWD/web.sock:web:80 hub' && succeed
run 'curl -sS --unix-socket web.sock http://web/'
expect 0 "hello from the web" ""

printf '\n# ssh -R offers what listens on this side, the same socket file, as a service of the hub.'
run 'ssh -F ssh_config -S ctl -O forward -R shop:80:$PWD/web.sock hub' && succeed
run 'echo GET / | duplex open --identity my_key --host-key $KEY $HUB shop | tail -n 1'
expect 0 "hello from the web" ""
run 'ssh -F ssh_config -S ctl -O exit hub' && succeed

printf '\n# The server drains and ends.\n$ kill %%1\n'
kill "$server"
status=0
wait "$server" || status=$?
server=
[ "$status" = 0 ] || fail "the server ended with status $status"

cat <<END

# All went as it should. To try it yourself, in two terminals:
export PATH="$bin:\$PATH" DUPLEX_HOME=/tmp/duplex-try
duplex keygen && duplex allow \$DUPLEX_HOME/id_ed25519.pub
duplex serve --bind tcp://127.0.0.1:2259 echo=echo frames=frames sink=sink time=exec:date web=join:tcp://127.0.0.1:8080

export PATH="$bin:\$PATH" DUPLEX_HOME=/tmp/duplex-try
duplex open --host-key SHA256:... tcp://127.0.0.1:2259 frames --frames
ssh -i \$DUPLEX_HOME/id_ed25519 -p 2259 127.0.0.1 time
duplex open --help
END
