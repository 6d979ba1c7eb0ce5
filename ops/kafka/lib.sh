# What ops/kafka/up, down, tool and acls share: the jars, the settings of a cluster, its processes.
# Sourced; needs `set -euo pipefail`. A cluster is a folder:
#   settings         version, brokers, port, secure, as it was made
#   address          HOST:PORT[,HOST:PORT...] of the brokers while the cluster is up
#   node-<n>/        server.properties, data/, log.txt and, while it runs, pid
#   secrets/         of a secure cluster: certificates, passwords, client files per role (make_secrets.py)
#   address-for-certificates    of a secure cluster, where clients come by their certificate

kafka_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Who has rights on a secure cluster (acls); `admin` has all.
readonly KAFKA_ROLES=(gateway router event-store topics quarantine audit)
readonly KAFKA_USERS=(admin "${KAFKA_ROLES[@]}")

# Exit codes: 1 it failed, 2 usage, 69 what it is made of cannot be had here.
readonly KAFKA_UNAVAILABLE=69

die() {
  printf 'ops/kafka/%s: %s\n' "${0##*/}" "$1" >&2
  exit "${2-1}"
}

# For programs of a second: they end before the better compiler would pay.
readonly kafka_short_lived=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC)

# absolute PATH: from where the caller stands; the folder need not be there.
absolute() {
  realpath -m -- "$1"
}

default_folder() {
  absolute "$kafka_folder/../../build/kafka"
}

# exact_version 3.9|4.3
exact_version() {
  case $1 in
    3.9) printf '3.9.1' ;;
    4.3) printf '4.3.0' ;;
    *) die "--version is 3.9 or 4.3, not $1" 2 ;;
  esac
}

# need_java: that `java` is one Kafka runs on.
need_java() {
  local found
  found=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p') || true
  [[ -n $found ]] || die 'there is no Java; apt-get install openjdk-17-jre-headless' $KAFKA_UNAVAILABLE
  ((found >= 17)) || die "Kafka needs Java 17, this is Java $found" $KAFKA_UNAVAILABLE
}

# jars_folder EXACT_VERSION: where its jars are kept, beside the tree, for all trees of this user.
jars_folder() {
  printf '%s/signalbox/kafka/%s' "${XDG_CACHE_HOME:-$HOME/.cache}" "$1"
}

# check_jars FOLDER LOCK: whether every jar of the lock file is there as it was published.
check_jars() {
  (cd "$1" && sha256sum --check --strict --quiet "$2")
}

# download_jars EXACT_VERSION FOLDER LOCK: into a folder beside it first, so that FOLDER is whole or
# not there.
download_jars() {
  local exact=$1 folder=$2 lock=$3 new=$2.new
  command -v mvn >/dev/null || die 'there is no Maven; apt-get install maven' $KAFKA_UNAVAILABLE
  printf '==> download the jars of Apache Kafka %s to %s\n' "$exact" "$folder" >&2
  rm -rf "$new"
  mkdir "$new"
  if ! mvn -q -B -C -f "$kafka_folder/pom.xml" "-Dkafka.version=$exact" \
    dependency:copy-dependencies "-DoutputDirectory=$new" >"$folder.maven.txt" 2>&1; then
    grep -m 5 -E 'ERROR' "$folder.maven.txt" >&2 || tail -n 5 "$folder.maven.txt" >&2
    die "Maven could not download Apache Kafka $exact; all it said is in $folder.maven.txt" \
      $KAFKA_UNAVAILABLE
  fi
  check_jars "$new" "$lock" >&2 ||
    die "what Maven brought to $new is not what $lock names; nothing of it is run"
  mv "$new" "$folder"
}

# get_jars EXACT_VERSION: prints the class path. Every jar is checked every time, and only those of the
# lock file are used.
get_jars() {
  local folder lock=$kafka_folder/jars-$1.sha256 held
  folder=$(jars_folder "$1")
  mkdir -p "${folder%/*}"
  exec {held}>"$folder.lock"
  flock "$held"
  if [[ ! -d $folder ]]; then
    download_jars "$1" "$folder" "$lock"
  elif ! check_jars "$folder" "$lock" >&2; then
    die "jars in $folder are not as they were published (named above); remove that folder to download them again"
  fi
  exec {held}>&-
  sed "s|^[0-9a-f]*  |$folder/|" "$lock" | paste -sd :
}

# node_pid FOLDER NODE: the process of a node, if it runs; nothing if the number belongs to something
# else by now.
node_pid() {
  local pid
  pid=$(cat "$1/node-$2/pid" 2>/dev/null) || return 0
  if grep -qsF -- "$1/node-$2/server.properties" "/proc/$pid/cmdline"; then
    printf '%s' "$pid"
  fi
}

# read_settings FOLDER: sets version, brokers, port and secure as the cluster was made.
read_settings() {
  version=$(sed -n 's/^version=//p' "$1/settings")
  brokers=$(sed -n 's/^brokers=//p' "$1/settings")
  port=$(sed -n 's/^port=//p' "$1/settings")
  secure=$(sed -n 's/^secure=//p' "$1/settings")
}
