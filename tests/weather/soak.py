#!/usr/bin/env python3
"""An hour at 500/s with the weather changing every minute: memory and descriptors stay flat, counts agree.

python3 tests/weather/soak.py [--binary FILE] [--minutes 60] [--rate 500] [--keep]
"""

import argparse
import json
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import harness  # noqa: E402
import page  # noqa: E402
from harness import Started, config, must, say  # noqa: E402
from http1 import Server, good, reply  # noqa: E402


def fair(request):
    good(request)


def errors(request):
    (lambda r: r.send(reply(503, "{}")) if r.number % 20 == 0 else good(r))(request)


def resets(request):
    request.reset() if request.number % 50 == 0 else good(request)


def slow(request):
    time.sleep(0.05 if request.number % 10 == 0 else 0)
    good(request)


def closing(request):
    good(request, [("Connection", "close")])
    request.close()


def garbage(request):
    request.send(b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\n{\x00\xff}]") if request.number % 50 == 0 else good(request)


# Weather that lasts a minute leaves an hour few independent samples: no p95 could be decided.
THRESHOLDS = '''
[scenarios.onboarding.thresholds]
"response_time{outcome:accepted}" = ["avg<2000"]
'''

WEATHER = [fair, errors, resets, slow, closing, garbage]


def watch(pid, every, samples, over):
    """Resident memory of its own (bytes), open descriptors, and resident memory in all, from the kernel.

    The rest are pages of files, the program's above all: they come and go as the system wants room."""
    begun = time.monotonic()
    while not over.wait(every):
        try:
            status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            own, resident = (int(status[key].split()[0]) * 1024 for key in ("RssAnon", "VmRSS"))
            descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        except OSError:
            return
        samples.append((time.monotonic() - begun, own, descriptors, resident))


def flat(samples, settle, last):
    """The means after `settle` seconds and in the end, each over all weathers: two minutes apart have two weathers."""
    span = min(60.0 * len(WEATHER), (last - settle) / 2)
    early = [s for s in samples if settle <= s[0] < settle + span]
    late = [s for s in samples if s[0] > last - span]

    def mean(part, i):
        return sum(s[i] for s in part) / max(len(part), 1)

    return [(mean(early, i), mean(late, i)) for i in (1, 2, 3)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, default=harness.BINARY)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--keep", action="store_true", help="for docs/reliability.md")
    asked = parser.parse_args()
    harness.BINARY = asked.binary
    seconds = asked.minutes * 60
    begun = time.monotonic()

    def changing(request):
        WEATHER[int((time.monotonic() - begun) / 60) % len(WEATHER)](request)

    # A queue of 128 overflows for a moment where every answer closes: requests then find no connection.
    with Server(changing, backlog=4096) as server:
        text = config(server.url, rate=asked.rate, seconds=seconds, more=THRESHOLDS)
        started = Started(text, ["run", "-e", "t", "--no-check"])
        samples, over = [], threading.Event()
        threading.Thread(target=watch, args=(started.pid, 1.0, samples, over), daemon=True).start()
        done = started.end(seconds + 120)
        over.set()
        settle = min(600.0, seconds / 3)
        own, descriptors, resident = flat(samples, settle, samples[-1][0] - 2)
        # Of all its memory what it took itself: files' pages are the system's to take back.
        drift = (own[1] - own[0]) / resident[0]
        figures = {
            "minutes": asked.minutes, "rate": asked.rate, "requests": done.requests(), "received": server.received, "exit": done.code,
            "own_mib": [round(m / 2**20, 2) for m in own], "memory_mib": [round(m / 2**20, 2) for m in resident], "memory_drift": round(drift, 4),
            "descriptors": [round(d, 1) for d in descriptors], "cpu_us_a_request": round(done.cpu / done.requests() * 1e6, 1),
            "headline": done.headline,
        }
        print(json.dumps(figures, indent=2))
        if asked.keep:
            page.keep("soak", figures, asked.binary)
        done.reports_parse()
        try:
            must(done.code in (0, 1), f"exit {done.code}: {done.headline}")
            done.counts_equal(server)
            must(abs(drift) <= 0.02, f"memory drifted by {drift:.1%}")
            must(descriptors[1] <= descriptors[0] + 50, f"descriptors grew: {descriptors}")
        except harness.Wrong as wrong:
            say(f"WRONG: {wrong}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
