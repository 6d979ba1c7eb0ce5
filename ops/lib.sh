# What ops/run, ops/test and .ci/run share: announcing steps, the Debian packages, building a preset.
# Sourced with the repository as current folder; needs `set -euo pipefail`.

# Everything that building, running and testing needs beside a minimal Debian 12.
readonly SIGNALBOX_PACKAGES=(
  g++ cmake ninja-build pkg-config ccache mold
  libasio-dev libwebsocketpp-dev librdkafka-dev libsqlite3-dev
  libsimdjson-dev nlohmann-json3-dev libspdlog-dev libfmt-dev prometheus-cpp-dev
  libcli11-dev libtomlplusplus-dev libcurl4-openssl-dev libssl-dev libzstd-dev zlib1g-dev
  libexpected-dev libbenchmark-dev libgtest-dev libgmock-dev
  libfaketime python3 python3-venv python3-lib2to3 python3-websockets python3-pytest
  python3-jwt python3-cryptography)

# What the stock clients of the tests and Apache Kafka (ops/kafka) run on, as command:package: a machine
# may have the command from elsewhere. Go is used where it is at hand.
readonly SIGNALBOX_CLIENT_TOOLS=(
  node:nodejs npm:npm javac:openjdk-17-jdk-headless chromium:chromium mvn:maven kcat:kcat)

# What builds the fuzz targets with libFuzzer.
readonly SIGNALBOX_FUZZ_PACKAGES=(clang-16 libclang-rt-16-dev)

# step "what it does" command...: says it, does it, says how long it took and whether it worked.
step() {
  local what=$1 started=$SECONDS status=0
  shift
  printf '==> %s\n' "$what"
  "$@" || status=$?
  if ((status == 0)); then
    printf '    done in %d s\n' $((SECONDS - started))
  else
    printf '    FAILED after %d s (exit code %d)\n' $((SECONDS - started)) "$status"
  fi
  return "$status"
}

# missing_packages [clients|fuzz]: with the tools of the stock clients, or those of the fuzz targets.
missing_packages() {
  local package tool
  local -a wanted=("${SIGNALBOX_PACKAGES[@]}")
  [[ ${1-} != fuzz ]] || wanted+=("${SIGNALBOX_FUZZ_PACKAGES[@]}")
  for package in "${wanted[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
      printf '%s\n' "$package"
  done
  [[ ${1-} == clients ]] || return 0
  for tool in "${SIGNALBOX_CLIENT_TOOLS[@]}"; do
    command -v "${tool%:*}" >/dev/null || printf '%s\n' "${tool#*:}"
  done
}

# install_packages [clients|fuzz]: installs what is missing, and touches nothing when nothing is.
install_packages() {
  local -a missing as_root=()
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} == 0)); then
    printf '    nothing is missing\n'
    return 0
  fi
  printf '    missing: %s\n' "${missing[*]}"
  if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
      printf '    neither root nor sudo here; as root run: apt-get install %s\n' "${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -q &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# build_preset PRESET TARGET...: configures if need be and builds, one job per core.
build_preset() {
  export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
  step "configure preset $1 in build/$1" cmake --preset "$1" --log-level=WARNING &&
    step "build ${*:2} of preset $1 with $(nproc) jobs" \
      cmake --build --preset "$1" --target "${@:2}" --parallel "$(nproc)"
}
