#!/usr/bin/env python3
"""Measures what showing a run live costs: lateness and CPU with metrics and without.

The target and the figures are those of peers.py: the target on core 0, load-gate on core 1,
lateness seen by the target. With metrics a receiver takes every remote write (on core 0), so
that drawing, packing and sending all happen. With and without take turns.

    cargo build --release --example stopwatch --bin load-gate
    python3 benches/live.py [--rounds 7] [--seconds 10] [--rates 200,2000]

Exits with 1 where the p99 of lateness is worse by more than the rounds' own spread, or where
a request costs over 3 µs more.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import peers

MOST_MICROS = 3.0


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.server.taken.append(len(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def measure(target, rate, seconds, extra):
    target.times()
    with tempfile.TemporaryDirectory() as folder:
        command = peers.commands("load-gate", target.url, rate, seconds, Path(folder)) + extra
        process = subprocess.Popen(["taskset", "-c", "1", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, "STRIPE_WEBHOOK_SECRET": peers.SECRET})
        _, _, usage = os.wait4(process.pid, 0)
    times = target.times()[1:]  # the canary
    if not times:
        sys.exit("nothing was sent")
    late = sorted(t / 1e3 - i * 1e6 / rate for i, t in enumerate(times))
    late = [value - late[0] for value in late]
    return {"requests": len(times), "p50": peers.percentile(late, 0.5), "p99": peers.percentile(late, 0.99),
            "cpu": (usage.ru_utime + usage.ru_stime) / len(times) * 1e6}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rates", default="200,2000")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads, server.taken = True, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shown = ["--prometheus-url", f"http://127.0.0.1:{server.server_port}/api/v1/write"]
    held = True
    print("| rate | metrics | requests | lateness p50 | p99 | CPU a request |\n| ---: | --- | ---: | ---: | ---: | ---: |")
    with peers.Target() as target:
        for rate in map(int, asked.rates.split(",")):
            seen = {"without": [], "with": []}
            for _ in range(asked.rounds):
                for how, extra in (("without", []), ("with", shown)):
                    seen[how].append(measure(target, rate, asked.seconds, extra))
            middle = {how: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for how, runs in seen.items()}
            for how, figures in middle.items():
                spread = {key: (max(run[key] for run in seen[how]) - min(run[key] for run in seen[how])) / 2 for key in figures}
                print(f"| {rate:,}/s | {how} | {figures['requests']:,.0f} | {figures['p50']:,.0f} µs | "
                      f"{figures['p99']:,.0f} ± {spread['p99']:,.0f} µs | {figures['cpu']:.1f} ± {spread['cpu']:.1f} µs |")
            more = middle["with"]["cpu"] - middle["without"]["cpu"]
            later = middle["with"]["p99"] - middle["without"]["p99"]
            noise = max((max(run["p99"] for run in runs) - min(run["p99"] for run in runs)) / 2 for runs in seen.values())
            held = held and more <= MOST_MICROS and later <= noise
            print(f"\n{rate:,}/s: {more:+.1f} µs a request, p99 {later:+.0f} µs (spread {noise:.0f} µs)\n")
    print(f"{len(server.taken)} writes of {statistics.mean(server.taken or [0]):,.0f} bytes were taken")
    sys.exit(0 if held and server.taken else 1)


if __name__ == "__main__":
    main()
