# The nodes of a cluster: their files, their start, and waiting for them. Sourced by ops/kafka/up after
# lib.sh, with folder, version, exact, brokers, port, secure and class_path set.
#
# Node n serves clients at port + n - 1 and is a controller at port + brokers + n - 1.

broker_port() { printf '%d' $((port + $1 - 1)); }
controller_port() { printf '%d' $((port + brokers + $1 - 1)); }

# each_node FORMAT: the line of each node, joined by commas; %n, %b and %c are its number and ports.
each_node() {
  local node line lines=()
  for ((node = 1; node <= brokers; ++node)); do
    line=${1//%n/$node} line=${line//%b/$(broker_port "$node")} line=${line//%c/$(controller_port "$node")}
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
  for taken in "$(broker_port "$1")" "$(controller_port "$1")"; do
    if (exec 3<>"/dev/tcp/127.0.0.1/$taken") 2>/dev/null; then
      die "port $taken is taken (node $1 of $folder needs it); choose others with --port"
    fi
  done
}

# write_properties NODE
write_properties() {
  local node=$1 insync=$((brokers > 1 ? 2 : 1)) protocol=PLAINTEXT
  ! $secure || protocol=SASL_SSL
  cat <<PROPERTIES
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$(each_node '%n@127.0.0.1:%c')
listeners=CLIENTS://127.0.0.1:$(broker_port "$node"),CONTROLLER://127.0.0.1:$(controller_port "$node")
advertised.listeners=CLIENTS://127.0.0.1:$(broker_port "$node")
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
  if $secure; then
    write_secure_properties
  else
    printf 'listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT\n'
  fi
}

# make_cluster: the folder of a cluster that never ran. Its settings come last: they say it is whole.
make_cluster() {
  local node id
  local -a extra=()
  id=$(/usr/bin/python3 -c 'import base64, uuid
print(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))')
  for ((node = 1; node <= brokers; ++node)); do
    rm -rf "$folder/node-$node"
    mkdir "$folder/node-$node"
    (umask 077 && write_properties "$node" >"$folder/node-$node/server.properties")
    java -Xmx256m "${kafka_short_lived[@]}" -cp "$class_path" kafka.tools.StorageTool format --cluster-id "$id" "${extra[@]}" \
      --config "$folder/node-$node/server.properties" >"$folder/node-$node/format.txt" 2>&1 ||
      die "the data folder could not be made: $(tail -n 3 "$folder/node-$node/format.txt")"
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

# go_down_with PID: nobody has to end what a test that was killed left behind.
go_down_with() {
  setsid bash -c 'tail --pid="$1" -f /dev/null; exec "$2" --dir "$3"' \
    bash "$1" "$kafka_folder/down" "$folder" </dev/null >/dev/null 2>&1 &
}

# serves NODE: whether it answers and knows all brokers.
serves() {
  local -a as=()
  ! $secure || as=(-F "$folder/secrets/admin.kcat")
  kcat -b "127.0.0.1:$(broker_port "$1")" "${as[@]}" -L -m 2 2>/dev/null | grep -q "^ $brokers brokers:"
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
  printf 'kafka ready at %s\n' "$(<"$folder/address")"
}
