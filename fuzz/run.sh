#!/usr/bin/env bash
# Fuzzes each target (or those named) for some seconds: fuzz/run.sh [-s SECONDS] [-k] [TARGET]...
#
# Needs cargo-fuzz (cargo install cargo-fuzz --locked), and a nightly toolchain or else the
# stable one, told to allow what fuzzing needs. What was found while fuzzing stays in
# fuzz/corpus, what broke a target in fuzz/artifacts; the seeds are tests/fuzz/seeds, which
# `cargo test --test fuzz` tries on stable. -k keeps the figures for docs/reliability.md.
set -euo pipefail
cd "$(dirname "$0")"
seconds=60
keep=
while getopts s:k option; do
  case $option in
  s) seconds=$OPTARG ;;
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
failed=0
figures=$(mktemp)
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target"
  seeds=("../tests/fuzz/seeds/$target")
  [ "$target" != config ] || seeds+=(../examples/scenarios ../load_tests)
  words=()
  case $target in config | written) words=(-dict=config.dict) ;; esac
  echo "== $target, $seconds s"
  # A suite.json may take four times its size; nothing else comes near.
  log=$(mktemp)
  found=
  "${cargo[@]}" fuzz run --fuzz-dir . "$target" "corpus/$target" "${seeds[@]}" -- \
    -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=262144 -print_final_stats=1 "${words[@]}" \
    >"$log" 2>&1 || { failed=1; found=1; tail -60 "$log"; }
  grep -E "^#[0-9]+.*DONE|^stat::|^Done " "$log" || true
  tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  edges=$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$log" | tail -1)
  printf '%s\t%s\t%s\t%s\t%s\n' "$target" "${tried:-0}" "$seconds" "${edges:-0}" "$found" >>"$figures"
  rm -f "$log"
done
if [ -n "$keep" ]; then
  python3 - "$figures" "$seconds" <<'PY'
import pathlib, sys
sys.path.insert(0, "../tests/weather")
import page
rows = [line.split("\t") for line in pathlib.Path(sys.argv[1]).read_text().splitlines()]
page.keep_targets(int(sys.argv[2]), [
    {"name": name, "tried": int(tried), "seconds": int(seconds), "edges": int(edges), "found": "an input that breaks it" if found else ""}
    for name, tried, seconds, edges, found in rows], pathlib.Path("../target/release/load-gate"))
PY
fi
rm -f "$figures"
exit $failed
