#!/usr/bin/env bash
# get_promtool.sh FOLDER: prints the path of promtool: the machine's own, else the one in FOLDER, where
# it is put once, out of Debian's package prometheus. That package is not installed: it would start a
# server. Several may call this at once. Exit code 77, the reason on standard output: it is not to be
# had here.
set -euo pipefail
folder=${1:?get_promtool.sh needs the folder to unpack into}

skip() {
  printf 'there is no promtool: %s\n' "$1"
  exit 77
}

# The program appears under its name in one step and whole, so its presence says that it is all there.
unpack() {
  local new=$folder/new
  rm -rf "$new"
  mkdir "$new"
  (cd "$new" && apt-get -q download prometheus) >"$folder/apt.txt" 2>&1 ||
    skip "apt-get could not download prometheus: $(grep -m 1 '^E:' "$folder/apt.txt")"
  dpkg-deb -x "$new"/prometheus_*.deb "$new/tree"
  mv "$new/tree/usr/bin/promtool" "$folder/promtool"
  rm -rf "$new"
}

if command -v promtool; then exit 0; fi
for tool in apt-get dpkg-deb flock; do
  command -v "$tool" >/dev/null || skip "neither it nor $tool is on the machine"
done
mkdir -p "$folder"
exec {lock}>"$folder/lock"
flock "$lock"
[[ -x $folder/promtool ]] || unpack
printf '%s/promtool\n' "$folder"
