#!/usr/bin/env bash
# Fuzzes each target (or those named) for some seconds: fuzz/run.sh [-s SECONDS] [TARGET]...
#
# Needs cargo-fuzz (cargo install cargo-fuzz --locked) and a nightly toolchain. What was
# found while fuzzing stays in fuzz/corpus, what broke a target in fuzz/artifacts; the
# seeds are tests/fuzz/seeds, which `cargo test --test fuzz` tries on stable.
set -euo pipefail
cd "$(dirname "$0")"
seconds=60
if [ "${1:-}" = -s ]; then
  seconds=$2
  shift 2
fi
all=(config suite histogram threshold answer headers github written text)
targets=("${@:-${all[@]}}")
failed=0
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target"
  seeds=("../tests/fuzz/seeds/$target")
  [ "$target" != config ] || seeds+=(../examples/scenarios ../load_tests)
  echo "== $target, $seconds s"
  # A suite.json may take four times its size; nothing else comes near.
  log=$(mktemp)
  rustup run nightly cargo fuzz run --fuzz-dir . "$target" "corpus/$target" "${seeds[@]}" -- \
    -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=262144 -print_final_stats=1 \
    >"$log" 2>&1 || { failed=1; tail -60 "$log"; }
  grep -E "^#[0-9]+.*DONE|^stat::|^Done " "$log" || true
  rm -f "$log"
done
exit $failed
