#!/usr/bin/env bash
# Builds every fuzz target and runs each for FUZZ_SECONDS (20 unless told), on committed seeds and crashers first.
# It needs cargo-fuzz and no nightly toolchain: coverage comes from stable compiler flags, and without unsafe code there
# is nothing for an address sanitizer to find.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-20}

if ! cargo fuzz --version >/dev/null 2>&1; then
  echo "cargo-fuzz is missing; install it with: cargo install --locked cargo-fuzz" >&2
  exit 1
fi

build=(--sanitizer none --target-dir target/fuzz)
cargo fuzz build "${build[@]}"
for target in $(cargo fuzz list); do
  corpus=target/fuzz-corpus/$target
  mkdir -p "$corpus" "fuzz/seeds/$target"
  echo "fuzzing $target for $seconds s"
  log=target/fuzz-corpus/$target.log
  status=0
  cargo fuzz run "${build[@]}" "$target" "$corpus" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=1024 -timeout=10 -verbosity=0 -print_final_stats=1 \
    >"$log" 2>&1 || status=$?
  grep -E 'stat::number_of_executed_units|SUMMARY|panicked|ERROR' "$log" || true
  if [ "$status" != 0 ]; then
    tail -n 40 "$log" >&2
    exit "$status"
  fi
done
