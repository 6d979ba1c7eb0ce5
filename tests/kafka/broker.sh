#!/usr/bin/env bash
# broker.sh up|down FOLDER [--brokers 3]: the fresh broker that tests share, of a free port; its address
# is in FOLDER/address. SIGNALBOX_TEST_KAFKA_VERSION chooses the version, 4.3 by default. It goes down
# with the ctest that started it. Exit code 77: it cannot be had here; with CI=true that is a failure.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
what=${1:?broker.sh needs up or down} folder=${2:?broker.sh needs a folder}
shift 2

"$here/../../ops/kafka/down" --dir "$folder"
[[ $what == up ]] || exit 0
rm -rf "$folder"
status=0
said=$("$here/../../ops/kafka/up" --version "${SIGNALBOX_TEST_KAFKA_VERSION:-4.3}" --port 0 \
  --dir "$folder" --while "$PPID" "$@" 2>&1) || status=$?
printf '%s\n' "$said"
if ((status == 69)) && [[ ${CI-} != true ]]; then
  printf 'SKIPPED: %s\n' "$(tail -n 1 <<<"$said")"
  exit 77
fi
exit "$status"
