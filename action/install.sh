#!/usr/bin/env bash
# Puts the load-gate binary that belongs to this ref of the action at hand, and
# says where in the step output `bin`.
#
# Reads: ACTION_REF and ACTION_REPOSITORY (blank for `uses: ./`), INPUT_VERSION,
# INPUT_COMMENT, INPUT_COMMENT_ID, GH_TOKEN, and what every runner sets. LOAD_GATE_BIN
# names a binary to take as it is: for runners that reach neither GitHub nor a registry.
set -euo pipefail

# Nothing here, least of all a dependency's build script, needs the job's secrets.
unset STRIPE_WEBHOOK_SECRET GITHUB_TOKEN
for name in "${!TEST_API_KEY_@}"; do unset "$name"; done

action_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
checksums="$action_dir/action/checksums.txt"
repository="${ACTION_REPOSITORY:-}"
upstream="rsolv/load-gate"
repository="${repository:-$upstream}"
# Whose release was taken: of a fork without any, upstream's, held to the same checksum.
origin="$repository"
home_server="https://github.com"

say() { printf 'load-gate: %s\n' "$*" >&2; }

# $1 what went wrong, $2 what to do. Both are ours, but for names with no line
# breaks in them.
die() {
  printf '::error title=load-gate is not installed::%s. %s\n' "${1//%/%25}" "${2//%/%25}" >&2
  printf 'verdict=usage\nexit-code=2\n' >>"$GITHUB_OUTPUT"
  local page
  page=$(printf '⛔ **not run** · load-gate is not installed: %s. %s' "$1" "$2")
  if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    printf '%s\n' "$page" >>"$GITHUB_STEP_SUMMARY"
  fi
  # What an earlier run said on the pull request isn't so any more.
  comment_on_pull_request "$page" || say "the pull request's comment could not be updated"
  exit 2
}

# Runs a command for at most $1 seconds.
within() {
  local seconds="$1" command watch code=0
  shift
  "$@" &
  command=$!
  # Its own streams are closed, or who waits for ours would wait for the pause; told
  # to end, it takes the pause along.
  (
    sleep "$seconds" &
    trap 'kill "$!"' TERM
    wait "$!" && kill "$command"
  ) >/dev/null 2>&1 &
  watch=$!
  wait "$command" || code=$?
  kill "$watch" 2>/dev/null || true
  return "$code"
}

# Puts $1 in the place of load-gate's comment on the pull request, or makes one, where
# there are a pull request, a token and gh. Without the binary there is no other way.
comment_on_pull_request() {
  local number id marker login comment
  case "${INPUT_COMMENT:-always}" in never | false | False | FALSE) return 0 ;; esac
  [[ "${GITHUB_REF:-}" =~ ^refs/pull/([0-9]+)/ ]] || return 0
  number="${BASH_REMATCH[1]}"
  [ -n "${GH_TOKEN:-}" ] && command -v gh >/dev/null || return 0
  id="${INPUT_COMMENT_ID:-load-gate}"
  # Other ids have a marker that only the binary can tell.
  [[ "$id" =~ ^[A-Za-z0-9._-]{1,64}$ && "$id" != *--* ]] || return 0
  marker="<!-- load-gate:$id -->"
  export GH_HOST="${GITHUB_SERVER_URL#*://}" GH_ENTERPRISE_TOKEN="$GH_TOKEN"
  [ -n "$GH_HOST" ] || GH_HOST=github.com
  login=$(within 20 gh api graphql -f query='query { viewer { login } }' --jq .data.viewer.login) ||
    login="github-actions[bot]"
  comment=$(LOGIN="$login" MARKER="$marker" within 60 gh api --paginate \
    "repos/$GITHUB_REPOSITORY/issues/$number/comments?per_page=100" \
    --jq '.[] | select(.user.login == env.LOGIN and (.body | startswith(env.MARKER))) | .id') || return 1
  comment=$(printf '%s\n' "$comment" | tail -n 1)
  if [ -n "$comment" ]; then
    within 20 gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$comment" \
      -f body="$marker
$1"
  else
    within 20 gh api --silent --method POST "repos/$GITHUB_REPOSITORY/issues/$number/comments" \
      -f body="$marker
$1"
  fi
}

# The step's answer; paths as the runner's own programs write them.
found() {
  local bin="$1"
  if command -v cygpath >/dev/null; then bin=$(cygpath -w "$bin"); fi
  printf 'bin=%s\n' "$bin" >>"$GITHUB_OUTPUT"
  exit 0
}

runs() { "$1" --version >/dev/null 2>&1; }

sha256() {
  if command -v sha256sum >/dev/null; then
    sha256sum <"$1" | cut -d ' ' -f 1
  elif command -v shasum >/dev/null; then
    shasum -a 256 <"$1" | cut -d ' ' -f 1
  else
    die "neither sha256sum nor shasum is on this runner" \
      "Install one of them (coreutils or perl)"
  fi
}

# The release's targets for this runner, the best first; blank where there is none.
# Static ones run where glibc is missing or too old; glibc's is the quicker one.
targets() {
  case "${RUNNER_OS:-$(uname -s)}-${RUNNER_ARCH:-$(uname -m)}" in
    Linux-X64 | Linux-x86_64) echo "x86_64-unknown-linux-gnu x86_64-unknown-linux-musl" ;;
    Linux-ARM64 | Linux-aarch64) echo "aarch64-unknown-linux-gnu aarch64-unknown-linux-musl" ;;
    macOS-X64 | Darwin-x86_64) echo x86_64-apple-darwin ;;
    macOS-ARM64 | Darwin-arm64) echo aarch64-apple-darwin ;;
    # Windows on ARM runs x64 programs.
    Windows-X64 | Windows-ARM64) echo x86_64-pc-windows-msvc.exe ;;
  esac
}

# Lines "<sha256> <version>" of this target, newest first, of versions that begin with $2.
releases() {
  local target="$1" prefix="$2" sum name version
  while read -r sum name; do
    case "$name" in
      load-gate-*-"$target") ;;
      *) continue ;;
    esac
    version="${name#load-gate-}"
    version="${version%-"$target"}"
    case "$version." in
      ${prefix:+"$prefix".}*) printf '%s %s\n' "$sum" "$version" ;;
    esac
  done < <(tr -d '\r' <"$checksums" 2>/dev/null || true)
}

# Which versions this ref stands for, as a prefix: `1` of v1, `1.2.3` of v1.2.3,
# nothing (any) of a commit. Fails for branches and for `uses: ./`: what they
# stand for is their own source.
wanted() {
  local ref="${INPUT_VERSION:-}"
  ref="${ref:-${ACTION_REF:-}}"
  ref="${ref#refs/tags/}"
  if [[ "$ref" =~ ^[0-9a-f]{40}$ ]]; then
    echo ""
  elif [[ "$ref" =~ ^v?([0-9]+(\.[0-9]+){0,2})$ ]]; then
    echo "${BASH_REMATCH[1]}"
  else
    return 1
  fi
}

# Downloads asset $1 of release $2 to $3, from this runner's server or GitHub's own.
download() {
  local asset="$1" version="$2" file="$3" server url tried=" "
  for origin in "$repository" "$upstream"; do
    for server in "${GITHUB_SERVER_URL:-$home_server}" "$home_server"; do
      url="$server/$origin/releases/download/v$version/$asset"
      case "$tried" in *" $url "*) continue ;; esac
      tried="$tried$url "
      say "downloading $url"
      if curl --fail --silent --show-error --location --proto-redir '=https' --retry 3 \
        --connect-timeout 20 --max-time 300 --output "$file" "$url"; then
        return 0
      fi
    done
  done
  return 1
}

# Holds file $1 to the provenance that GitHub signed for it, where gh can.
provenance() {
  local file="$1" try
  if [ "${GITHUB_SERVER_URL:-$home_server}" != "$home_server" ]; then
    say "provenance not verified: it is kept on github.com; the SHA-256 is"
  elif ! command -v gh >/dev/null || ! gh attestation verify --help >/dev/null 2>&1; then
    say "provenance not verified: there is no gh with \`attestation\` here; the SHA-256 is"
  elif [ -z "${GH_TOKEN:-}" ]; then
    say "provenance not verified: there is no token (input github-token); the SHA-256 is"
  else
    for try in 1 2 3; do
      if within 120 gh attestation verify "$file" --repo "$origin" \
        --signer-workflow "$origin/.github/workflows/release.yml" >&2; then
        return 0
      fi
      [ "$try" = 3 ] || sleep "$((try * 2))"
    done
    rm -f "$file"
    die "the build provenance of the downloaded binary could not be verified" \
      "Its SHA-256 is right, so look at the lines above first: if gh was refused or GitHub didn't answer, run the job again; otherwise don't use this release and tell its maintainers. \`version: source\` builds from source instead"
  fi
}

# Takes a release from the cache or from GitHub. Returns only where none fits.
from_release() {
  local targets target prefix
  if ! prefix=$(wanted); then
    [ -z "${INPUT_VERSION:-}" ] || die "the input \`version\` is not a version" \
      "Write 1.2.3, or \`source\` to build with cargo, or leave it blank"
    say "no release belongs to this ref of the action"
    return 0
  fi
  targets=$(targets)
  if [ -z "$targets" ]; then
    say "there is no release for ${RUNNER_OS:-this system} on ${RUNNER_ARCH:-this architecture}"
    return 0
  fi
  found_one=""
  for target in $targets; do
    take "$target" "$prefix"
  done
  if [ -z "$found_one" ]; then
    [ -z "${INPUT_VERSION:-}" ] || die "release $INPUT_VERSION is not among this ref's checksums" \
      "Leave the input \`version\` blank, or use the action by that release's own tag: uses: rsolv/load-gate@v${INPUT_VERSION#v}"
    say "action/checksums.txt of this ref names no release for ${targets// / or }"
  fi
}

# Takes the newest release of target $1 whose version begins with $2. Returns only where
# there is none or it doesn't run here.
take() {
  local target="$1" sum version="" asset cache bin part
  read -r sum version < <(releases "$target" "$2") || true
  [ -n "$version" ] || return 0
  found_one=yes
  asset="load-gate-$version-$target"
  cache=$(cache_dir "$version")
  bin="$cache/load-gate"
  case "$target" in
    *.exe) bin="$bin.exe" ;;
    *-musl) bin="$bin-static" ;;
  esac
  if [ -f "$bin" ] && [ "$(sha256 "$bin")" = "$sum" ] && runs "$bin"; then
    say "$version from the tool cache"
    found "$bin"
  fi
  part="$bin.$$"
  download "$asset" "$version" "$part" || die "$asset of release v$version could not be downloaded" \
    "Look at curl's line above; behind a proxy set HTTPS_PROXY, on a runner without internet set LOAD_GATE_BIN to a binary of your own"
  if [ "$(sha256 "$part")" != "$sum" ]; then
    rm -f "$part"
    die "the SHA-256 of the downloaded $asset is not the one in action/checksums.txt" \
      "Don't run it: a proxy may have answered in GitHub's place, or the release was changed. Run the job again; if it stays so, tell the maintainers"
  fi
  provenance "$part"
  chmod +x "$part"
  mv -f "$part" "$bin"
  if runs "$bin"; then
    say "$version for $target, SHA-256 verified"
    found "$bin"
  fi
  say "$asset doesn't run here"
}

# Where version $1 is kept: the tool cache, or the job's own folder where that can't be written.
cache_dir() {
  local base dir
  for base in "${RUNNER_TOOL_CACHE:-}" "${RUNNER_TEMP:-}" "${TMPDIR:-/tmp}"; do
    [ -n "$base" ] || continue
    if command -v cygpath >/dev/null; then base=$(cygpath -u "$base"); fi
    dir="$base/load-gate/$1/${RUNNER_ARCH:-$(uname -m)}"
    if mkdir -p "$dir" 2>/dev/null && [ -w "$dir" ]; then
      echo "$dir"
      return 0
    fi
  done
  die "neither RUNNER_TOOL_CACHE nor RUNNER_TEMP can be written" "Give the runner's user a folder of its own"
}

# Builds from the action's own checkout.
from_source() {
  command -v cargo >/dev/null || die "no release fits this runner and ref, and cargo isn't here to build one" \
    "Use a release (uses: rsolv/load-gate@v1), or install Rust before this step: https://rustup.rs"
  say "building with cargo from the action's own checkout"
  # A dependency's build script has no business with the token.
  (cd "$action_dir" && env -u GH_TOKEN cargo build --release --locked --bin load-gate >&2) ||
    die "the build with cargo failed" \
      "Look at cargo's lines above: it needs a C compiler, access to crates.io, and Rust as new as Cargo.toml says (rustup update stable)"
  local bin="${CARGO_TARGET_DIR:-$action_dir/target}/release/load-gate"
  case "$bin" in /* | [A-Za-z]:*) ;; *) bin="$action_dir/$bin" ;; esac
  [ ! -f "$bin.exe" ] || bin="$bin.exe"
  runs "$bin" || die "the binary that cargo built doesn't run" "Look at the build's lines above"
  found "$bin"
}

if [ -n "${LOAD_GATE_BIN:-}" ]; then
  runs "$LOAD_GATE_BIN" || die "LOAD_GATE_BIN names no load-gate that runs here" \
    "Name an executable for this system and architecture, or leave the variable out"
  found "$LOAD_GATE_BIN"
fi
if [ "${INPUT_VERSION:-}" != source ]; then from_release; fi
from_source
