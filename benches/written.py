#!/usr/bin/env python3
"""What a request of a written scenario costs beside one of the built-in webhook scenario.

Both are sent to load-gate's own target, in turns: the built-in scenario, and a table that
says the same of it (Stripe's signature, a body as large, the same answer's checks). CPU is
what the sending process used over a run by its own account (suite.json), for each request
sent. The figure is the median of the rounds' ratios.

    cargo build --release
    python3 benches/written.py [--rounds 7] [--rate 10000] [--seconds 8]

At low rates most of the cost is being woken, which both pay and which differs by a fifth from
run to run; at 10,000/s a run of five seconds tells a difference of three per cent.

Exits with 1 where the written one costs more than 15 % more.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CONFIG = """
[environments.bench]
url = "%(url)s"
profile = "bench"
[probes]
share = 0
[scenarios.webhook]
rate_limit = "none"
duplicates = 0.0
[scenarios.webhook.profiles]
bench = [%(stages)s]
[scenarios.written]
method = "POST"
path = "/api/webhooks/stripe"
sign = { scheme = "stripe", secret = "STRIPE_WEBHOOK_SECRET" }
expect = { status = 200, json = { "$.status" = "success", "$.error" = "absent" } }
writes = true
[scenarios.written.json]
id = "evt_{random:18}"
object = "event"
type = "{data.type}"
created = "{unix:int}"
livemode = false
[scenarios.written.json.data.object]
id = "in_{random:18}"
object = "invoice"
customer = "cus_loadgate"
subscription = "sub_{random:18}"
amount_paid = 59900
currency = "usd"
status = "paid"
attempt_count = 1
lines = { data = [{ pricing = { price_details = { price = "price_loadgate" } } }] }
[scenarios.written.data]
type = { values = ["invoice.payment_succeeded", "customer.subscription.updated"], weights = [3, 2] }
[scenarios.written.profiles]
bench = [%(stages)s]
"""


def run(binary, name, config, env, folder):
    results = Path(folder) / f"results-{name}"
    done = subprocess.run(
        [binary, "run", name, "--env", "bench", "--config", config, "--no-check", "--workers", "1",
         "--results-dir", results], env=env, capture_output=True, text=True)
    suite = json.loads((results / "suite.json").read_text())
    recording = suite["scenarios"][0]["recording"]
    generator = recording["generator"]
    sent = generator["sent"]
    accepted = sum(s["outcomes"].get("accepted", 0) if isinstance(s["outcomes"], dict) else 0
                   for key, s in recording["slices"].items() if key == "")
    if sent == 0 or (accepted and accepted < 0.99 * sent):
        sys.exit(f"{name}: {sent} sent, {accepted} accepted\n{done.stdout}{done.stderr}")
    return generator["cpu_seconds"], sent


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", default=str(ROOT / "target/release/load-gate"))
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--rate", type=int, default=10000)
    arguments.add_argument("--seconds", type=int, default=8)
    given = arguments.parse_args()
    env = {**os.environ, "STRIPE_WEBHOOK_SECRET": "whsec_bench_bench_bench"}
    target = subprocess.Popen([given.binary, "serve", "--port", "0", "--fault", "webhook.limiter=off"], env=env, stdout=subprocess.PIPE,
                              text=True)
    try:
        url = target.stdout.readline().split()[-1]
        with tempfile.TemporaryDirectory() as folder:
            stage = '{ duration = "0s", target = %d }, { duration = "%ds", target = %d }'
            config = Path(folder) / "load-gate.toml"
            stages = stage % (given.rate, given.seconds, given.rate)
            config.write_text(CONFIG % {"url": url, "stages": stages})
            ratios = []
            for number in range(given.rounds):
                cost = {}
                # Who is first takes turns.
                names = ["webhook", "written"]
                for name in names if number % 2 == 0 else reversed(names):
                    cpu, sent = run(given.binary, name, config, env, folder)
                    cost[name] = cpu / sent * 1e6
                ratios.append(cost["written"] / cost["webhook"])
                print(f"round {number + 1}: webhook {cost['webhook']:.1f} µs, written "
                      f"{cost['written']:.1f} µs a request, ratio {ratios[-1]:.3f}", flush=True)
            ratio = statistics.median(ratios)
            print(f"a written scenario's request costs {100 * (ratio - 1):+.1f} % of the built-in "
                  f"webhook's (median of {given.rounds}, {min(ratios):.3f} to {max(ratios):.3f})")
            return int(ratio > 1.15)
    finally:
        target.terminate()


sys.exit(main())
