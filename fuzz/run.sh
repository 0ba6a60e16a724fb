#!/usr/bin/env bash
# Fuzzes each target (or those named) for some seconds: fuzz/run.sh [-s SECONDS] [-b] [-k] [TARGET]...
#
# Needs cargo-fuzz (cargo install cargo-fuzz --locked), and a nightly toolchain or else the
# stable one, told to allow what fuzzing needs. What was found while fuzzing stays in
# fuzz/corpus, what broke a target in fuzz/artifacts; the seeds are tests/fuzz/seeds, which
# `cargo test --test fuzz` tries on stable. -b fuzzes them beside each other, at the lowest
# priority. -k keeps the figures for docs/reliability.md.
#
# Without a sanitizer: unsafe code is forbidden in load-gate, and the address sanitizer left
# time for a hundredth of the inputs. Overflows and debug assertions are looked for.
set -euo pipefail
cd "$(dirname "$0")"
seconds=60
beside=
keep=
while getopts s:bk option; do
  case $option in
  s) seconds=$OPTARG ;;
  b) beside=1 ;;
  k) keep=1 ;;
  *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
all=(config suite histogram threshold answer headers github written text import wire)
targets=("${@:-${all[@]}}")
if rustup toolchain list 2>/dev/null | grep -q '^nightly'; then
  cargo=(rustup run nightly cargo)
else
  cargo=(env RUSTC_BOOTSTRAP=1 cargo)
fi
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# Fuzzes one, to its log. A target that broke leaves a file of that name.
try() {
  local target=$1 seeds=("../tests/fuzz/seeds/$1") words=()
  mkdir -p "corpus/$target"
  case $target in
  config) seeds+=(../examples/scenarios ../load_tests) words=(-dict=config.dict) ;;
  written) words=(-dict=config.dict) ;;
  esac
  # A suite.json may take four times its size; nothing else comes near.
  ${beside:+nice -n 19} "${cargo[@]}" fuzz run --fuzz-dir . -s none "$target" "corpus/$target" "${seeds[@]}" -- \
    -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=262144 -print_final_stats=1 "${words[@]}" \
    >"$logs/$target" 2>&1 || touch "$logs/$target.broken"
}

for target in "${targets[@]}"; do
  "${cargo[@]}" fuzz build --fuzz-dir . -s none "$target"
done
for target in "${targets[@]}"; do
  if [ -n "$beside" ]; then
    try "$target" &
  else
    try "$target"
  fi
done
wait
failed=0
for target in "${targets[@]}"; do
  echo "== $target, $seconds s"
  found=
  if [ -e "$logs/$target.broken" ]; then
    failed=1
    found=1
    tail -60 "$logs/$target"
  fi
  grep -E "^#[0-9]+.*DONE|^stat::|^Done " "$logs/$target" || true
  tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/$target")
  edges=$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$logs/$target" | tail -1)
  printf '%s\t%s\t%s\t%s\t%s\n' "$target" "${tried:-0}" "$seconds" "${edges:-0}" "$found" >>"$logs/figures"
done
if [ -n "$keep" ]; then
  python3 - "$logs/figures" "$seconds" <<'PY'
import pathlib, sys
sys.path.insert(0, "../tests/weather")
import page
rows = [line.split("\t") for line in pathlib.Path(sys.argv[1]).read_text().splitlines()]
page.keep_targets(int(sys.argv[2]), [
    {"name": name, "tried": int(tried), "seconds": int(seconds), "edges": int(edges), "found": "an input that breaks it" if found else ""}
    for name, tried, seconds, edges, found in rows], pathlib.Path("../target/release/load-gate"))
PY
fi
exit $failed
