#!/usr/bin/env bash
# get_balancer.sh haproxy|nginx FOLDER: prints the path of that program: the machine's own, else the one in
# FOLDER, where it is put once, out of Debian's packages. They are not installed: that would start a
# server. Several may call this at once. Exit code 77, the reason on standard output: it is not to be had
# here.
set -euo pipefail
program=${1:?get_balancer.sh needs haproxy or nginx} folder=${2:?get_balancer.sh needs a folder}

skip() {
  printf 'there is no %s: %s\n' "$program" "$1"
  exit 77
}

# The program appears under its name in one step and whole, with the libraries it brings.
unpack() {
  local new=$folder/new
  rm -rf "$new"
  mkdir "$new"
  (cd "$new" && apt-get -q download "$@") >"$folder/apt.txt" 2>&1 ||
    skip "apt-get could not download $*: $(grep -m 1 '^E:' "$folder/apt.txt")"
  for package in "$new"/*.deb; do dpkg-deb -x "$package" "$folder/tree"; done
  cat >"$new/$program" <<STARTER
#!/bin/sh
LD_LIBRARY_PATH=$(printf '%s:' "$folder"/tree/usr/lib/*-linux-gnu) exec "$folder/tree/usr/sbin/$program" "\$@"
STARTER
  chmod +x "$new/$program"
  "$new/$program" -v >"$folder/version.txt" 2>&1 || skip "it does not start: $(tail -n 1 "$folder/version.txt")"
  mv "$new/$program" "$folder/$program"
  rm -rf "$new"
}

if PATH=$PATH:/usr/sbin command -v "$program"; then exit 0; fi
for tool in apt-get dpkg-deb flock; do
  command -v "$tool" >/dev/null || skip "neither it nor $tool is on the machine"
done
mkdir -p "$folder"
exec {lock}>"$folder/lock"
flock "$lock"
if [[ ! -x $folder/$program ]]; then
  case $program in
    haproxy) unpack haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 ;;
    nginx) unpack nginx ;;
  esac
fi
printf '%s/%s\n' "$folder" "$program"
