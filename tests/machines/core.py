#!/usr/bin/env python3
"""What one core sends: a machine of one worker at rising rates, then with many requests under way.

    python3 tests/machines/core.py target/release/load-gate

The target is `serve` on loopback, which takes another core. A row a run: CPU seconds of the
generator for each arrival, its schedule lag, the most requests at once and the most memory, and
the size of what it leaves.
"""
import json, os, pathlib, subprocess, sys, tempfile

SECONDS = 10
# Rate per second, and how long the target holds every answer back.
RUNS = [(500, "0ms"), (2_000, "0ms"), (5_000, "0ms"), (2_000, "500ms"), (2_000, "2s")]
CONFIG = """
[engine]
max_in_flight = 10000
max_lag = "60s"
[environments.core]
url = "{url}"
profile = "core"
scenarios = ["webhook"]
[scenarios.webhook]
rate_limit = "none"
[scenarios.webhook.profiles]
core = [{{ duration = "0s", target = {rate} }}, {{ duration = "{seconds}s", target = {rate} }}]
[scenarios.webhook.thresholds]
"response_time{{outcome:accepted}}" = ["p(95)<60000"]
"""



def run(binary, folder, rate, latency):
    served = subprocess.Popen([binary, "serve", "--fault", "webhook.limiter=off", "--fault", f"webhook.latency={latency}"], stdout=subprocess.PIPE, text=True)
    try:
        env = {"PATH": os.environ["PATH"]}
        for line in served.stdout:
            if line.startswith("export "):
                name, value = line.removeprefix("export ").strip().split("=", 1)
                env[name] = value
            if "STRIPE_WEBHOOK_SECRET" in env:
                break
        (folder / "core.toml").write_text(CONFIG.format(url=env["API_URL"], rate=rate, seconds=SECONDS))
        command = [binary, "run", "webhook", "--config", "core.toml", "--env", "core", "--workers", "1", "--no-check", "--results-dir", "results"]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
        if done.returncode == 2:
            sys.exit(done.stderr)
        suite = folder / "results/suite.json"
        recording = json.loads(suite.read_text())["scenarios"][0]["recording"]
        results = json.loads((folder / "results/webhook-results.json").read_text())
        generator = recording["generator"]
        lag = results["load_gate"]["generator"]["schedule_lag_ms"]
        sent = max(generator["sent"], 1)
        print(
            f"| {rate:,}/s | {latency} | {generator['sent']:,} of {generator['planned']:,} | {1e6 * generator['cpu_seconds'] / sent:.0f} µs "
            f"| {lag['p50']:.2f} ms | {lag['p99']:.2f} ms | {generator['max_in_flight']:,} | {generator['peak_memory'] / 1e6:.0f} MB | {suite.stat().st_size / 1e3:.0f} kB |",
            flush=True,
        )
    finally:
        served.terminate()
        served.wait()


if len(sys.argv) != 2:
    sys.exit(__doc__)
print("| rate | answers after | sent | CPU an arrival | lag p50 | lag p99 | at once | memory | suite.json |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
with tempfile.TemporaryDirectory() as scratch:
    for rate, latency in RUNS:
        run(str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(scratch), rate, latency)
