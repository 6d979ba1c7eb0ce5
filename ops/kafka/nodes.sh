# The nodes of a cluster: their files, their start, and waiting for them. Sourced by ops/kafka/up after
# lib.sh, with folder, version, exact, brokers, port, secure and class_path set, and a
# umask that leaves what it writes to its owner.
#
# Node n serves clients at port + n - 1 and is a controller at port + brokers + n - 1; a secure one
# serves those with a certificate at port + 2 * brokers + n - 1.

broker_port() { printf '%d' $((port + $1 - 1)); }
controller_port() { printf '%d' $((port + brokers + $1 - 1)); }
certificate_port() { printf '%d' $((port + 2 * brokers + $1 - 1)); }

# ports_needed: how many ports in a row.
ports_needed() {
  if $secure; then printf '%d' $((3 * brokers)); else printf '%d' $((2 * brokers)); fi
}

# each_node FORMAT: the line of each node, joined by commas; %n, %b, %c and %s are its number and ports.
each_node() {
  local node line lines=()
  for ((node = 1; node <= brokers; ++node)); do
    line=${1//%n/$node} line=${line//%b/$(broker_port "$node")} line=${line//%c/$(controller_port "$node")}
    line=${line//%s/$(certificate_port "$node")}
    lines+=("$line")
  done
  (IFS=, && printf '%s' "${lines[*]}")
}

# free_ports COUNT: the first of as many free ports in a row, below those the system gives to clients.
free_ports() {
  /usr/bin/python3 - "$1" <<'PYTHON'
import random
import socket
import sys

for first in random.sample(range(15000, 32000), 1000):
    try:
        for port in range(first, first + int(sys.argv[1])):
            with socket.socket() as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(("127.0.0.1", port))
    except OSError:
        continue
    print(first)
    break
else:
    sys.exit("ops/kafka/up: no free ports were found")
PYTHON
}

# check_ports NODE: says who has a port of it before Java does in fifty lines.
check_ports() {
  local taken
  local -a ports
  ports=("$(broker_port "$1")" "$(controller_port "$1")")
  ! $secure || ports+=("$(certificate_port "$1")")
  for taken in "${ports[@]}"; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$taken") 2>/dev/null; then
      die "port $taken is taken (node $1 of $folder needs it); choose others with --port"
    fi
  done
}

# write_properties NODE
write_properties() {
  local node=$1 insync=$((brokers > 1 ? 2 : 1))
  cat <<PROPERTIES
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$(each_node '%n@127.0.0.1:%c')
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
log.dirs=$folder/node-$node/data
auto.create.topics.enable=false
default.replication.factor=$brokers
min.insync.replicas=$insync
unclean.leader.election.enable=false
offsets.topic.replication.factor=$brokers
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$brokers
transaction.state.log.min.isr=$insync
group.initial.rebalance.delay.ms=0
PROPERTIES
  if $secure; then write_secure_properties "$node"; else write_open_properties "$node"; fi
}

write_open_properties() {
  cat <<PROPERTIES
listeners=CLIENTS://127.0.0.1:$(broker_port "$1"),CONTROLLER://127.0.0.1:$(controller_port "$1")
advertised.listeners=CLIENTS://127.0.0.1:$(broker_port "$1")
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
PROPERTIES
}

# format_node NODE CLUSTER_ID: the arguments in a file, so that no list of processes shows a password.
format_node() {
  local home=$folder/node-$1 arguments=$folder/node-$1/format.arguments
  printf '%s\n' kafka.tools.StorageTool format "--cluster-id=$2" \
    "--config \"$home/server.properties\"" >"$arguments"
  ! $secure || scram_arguments >>"$arguments"
  java -Xmx256m "${kafka_short_lived[@]}" -cp "$class_path" "@$arguments" >"$home/format.txt" 2>&1 ||
    die "the data folder could not be made: $(tail -n 3 "$home/format.txt")"
  rm "$arguments"
}

# make_cluster: the folder of a cluster that never ran. Its settings come last: they say it is whole.
make_cluster() {
  local node id
  ! $secure || make_secrets
  id=$(/usr/bin/python3 -c 'import base64, uuid
print(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))')
  for ((node = 1; node <= brokers; ++node)); do
    rm -rf "$folder/node-$node"
    mkdir "$folder/node-$node"
    write_properties "$node" >"$folder/node-$node/server.properties"
    format_node "$node" "$id"
  done
  printf 'version=%s\nbrokers=%s\nport=%s\nsecure=%s\n' "$version" "$brokers" "$port" "$secure" \
    >"$folder/settings"
}

# start_node NODE: in a session of its own, so that it outlives the calling shell.
start_node() {
  local home=$folder/node-$1
  setsid java -Xmx512m -Dorg.slf4j.simpleLogger.showDateTime=true \
    '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS' \
    -cp "$class_path" kafka.Kafka "$home/server.properties" </dev/null >>"$home/log.txt" 2>&1 &
  printf '%d\n' $! >"$home/pid"
}

# go_down_with PID: nobody has to end what a test that was killed left behind. Nodes that somebody
# started since are left alone.
go_down_with() {
  setsid bash -c 'tail --pid="$1" -f /dev/null
    [[ $(cat "$3"/node-*/pid) != "$4" ]] || exec "$2" --dir "$3"' \
    bash "$1" "$kafka_folder/down" "$folder" "$(cat "$folder"/node-*/pid)" </dev/null >/dev/null 2>&1 &
}

# serves NODE: whether it answers and knows all brokers.
serves() {
  local at
  local -a as=()
  at=$(broker_port "$1")
  if $secure; then at=$(certificate_port "$1") as=(-F "$folder/secrets/admin.certificate.conf"); fi
  kcat -b "127.0.0.1:$at" "${as[@]}" -L -m 2 2>/dev/null | grep -q "^ $brokers brokers:"
}

wait_until_served() {
  local node deadline=$((SECONDS + READY_SECONDS))
  for ((node = 1; node <= brokers; ++node)); do
    until serves "$node"; do
      if [[ -z $(node_pid "$folder" "$node") ]]; then
        tail -n 20 "$folder/node-$node/log.txt" >&2
        die "node $node ended before it served; above is the end of $folder/node-$node/log.txt"
      fi
      if ((SECONDS > deadline)); then
        tail -n 20 "$folder/node-$node/log.txt" >&2
        die "node $node does not serve after $READY_SECONDS s; above is the end of $folder/node-$node/log.txt; ops/kafka/down ends it"
      fi
      sleep 0.1
    done
  done
  each_node '127.0.0.1:%b' >"$folder/address"
  if $secure; then
    each_node '127.0.0.1:%s' >"$folder/address-for-certificates"
    printf 'by certificate: %s; client files of each role: %s\n' \
      "$(<"$folder/address-for-certificates")" "$folder/secrets"
  fi
  printf 'kafka ready at %s\n' "$(<"$folder/address")"
}
