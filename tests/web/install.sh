#!/usr/bin/env bash
# install.sh FOLDER [FROM]: what package-lock.json of this folder, or of FROM, names goes to
# FOLDER/node_modules, once for each version of the lock file. Runs nothing of the packages. Exit code
# 77: npm is not to be had or not reached.
set -euo pipefail
folder=${1:?install.sh needs the folder to install into}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
from=${2:-$here}

mkdir -p "$folder"
if [[ -d $folder/node_modules ]] && cmp -s "$from/package-lock.json" "$folder/installed-lock.json"; then
  printf 'all of package-lock.json is in %s\n' "$folder"
  exit 0
fi
if ! command -v npm >/dev/null; then
  printf 'SKIPPED: there is no npm\n'
  exit 77
fi
rm -f "$folder/installed-lock.json"
cp "$from/package.json" "$from/package-lock.json" "$here/.npmrc" "$folder"
if ! (cd "$folder" && npm ci --ignore-scripts); then
  printf 'SKIPPED: npm could not install what package-lock.json names\n'
  exit 77
fi
cp "$from/package-lock.json" "$folder/installed-lock.json"
