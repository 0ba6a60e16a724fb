#!/usr/bin/env python3
"""Kills and cancels a run of three scenarios at random moments, and holds what is left to what must be true.

python3 tests/weather/kill.py [--binary FILE] [--times 50] [--seed 1] [--keep]

Killed (SIGKILL): suite.json is whole wherever a request was sent, `report` accepts its figures and makes
every report of it, and only a run that was over may pass. Cancelled (SIGINT, SIGTERM, SIGHUP, SIGQUIT in
turn): exit 3 within four seconds, every report, nothing given up counted against the target, and the
requests reported are those that came. --keep writes the figures that docs/reliability.md shows.
"""

import argparse
import json
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import harness  # noqa: E402
import page  # noqa: E402
from harness import Started, Wrong, must, run, say  # noqa: E402
from http1 import Server, created, reply  # noqa: E402

SCENARIOS = ("onboarding", "credential-vending", "webhook")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
SECRETS = {"TEST_API_KEY_1": "rsolv_" + "a" * 43, "STRIPE_WEBHOOK_SECRET": "whsec_" + "b" * 32}

CONFIG = """
[environments.t]
url = "%s"
profile = "tiny"
email_domain = "loadtest.test"
[engine]
timeout = "2s"
[probes]
share = 0
[scenarios.onboarding]
rate_limit = "none"
[scenarios.credential-vending]
rate_limit = "none"
[scenarios.webhook]
rate_limit = "none"
"""
PROFILE = '[scenarios.%s.profiles]\ntiny = [{ duration = "0s", target = 80 }, { duration = "1s", target = 80 }]\n'


def credentials(request):
    """What a good exchange says (docs/api.md)."""
    asked = json.loads(request.body)
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + asked.get("ttl_minutes", 60) * 60))
    one = {"api_key": "sk-" + "c" * 40, "expires_at": ends}
    return json.dumps({
        "credentials": {provider: one for provider in asked["providers"]},
        "usage": {"remaining_fixes": 85, "reset_at": "2030-01-01T00:00:00Z"},
    })


def answer(request):
    time.sleep(0.02)
    if "onboard" in request.path:
        request.send(reply(201, created(request)))
    elif "exchange" in request.path:
        request.send(reply(200, credentials(request)))
    else:
        request.send(reply(200, '{"status":"success"}'))


def started(server):
    text = CONFIG % server.url + "".join(PROFILE % name for name in SCENARIOS)
    return Started(text, ["run", "-e", "t", "--no-check", "--seed", "7", "--cooldown", "300ms"], env=SECRETS)


def whole(server):
    """A run that nobody disturbs: how long it lasts."""
    done = started(server).end()
    done.exits(0).reports_parse()
    return done.wall


def killed(moment):
    with Server(answer) as server:
        one = started(server)
        time.sleep(max(0.0, one.started + moment - time.monotonic()))
        if one.child.poll() is None:
            one.signal(signal.SIGKILL)
        done = one.end()
        if not (done.results() / "suite.json").is_file():
            must(server.received == 0, f"{server.received} requests came, and nothing is on disk")
            return "nothing yet"
        must(done.suite, "suite.json isn't whole")
        again = run(None, "report", str(done.results()), home=done.home)
        over = not done.suite["partial"]
        again.exits(0 if over and done.suite["verdict"] == "pass" else 3)
        must(over or done.suite["verdict"] == "inconclusive", f"a killed run is {done.suite['verdict']}")
        left = sorted(path.name for path in done.results().iterdir() if path.name.startswith("."))
        must(over or len(left) <= 1, f"left behind: {left}")
        return "over" if over else "partial"


def cancelled(moment, which):
    with Server(answer) as server:
        one = started(server)
        time.sleep(max(0.0, one.started + moment - time.monotonic()))
        if one.child.poll() is None:
            one.signal(which)
        else:
            one.signalled = time.monotonic()
        done = one.end(20)
        took = time.monotonic() - one.signalled
        if done.code == -which:
            must(server.received == 0 and not done.results().exists(), "it died of a signal in mid-run")
            return "nothing yet", took
        must(done.code in (0, 3), f"exit {done.code}: {done.headline}\n{done.said[-2000:]}")
        must(took <= 4.0, f"took {took:.1f} s to end")
        done.reports_parse()
        must(done.suite["verdict"] == ("pass" if done.code == 0 else "inconclusive"), "exit code and verdict differ")
        reported = 0
        for name in SCENARIOS:
            outcomes = done.outcomes(name)
            bad = {k: v for k, v in outcomes.items() if k not in ("accepted", "dropped") and v}
            must(not bad, f"{name}: counted against the target: {bad}")
            if "http_reqs" in done.result(name)["metrics"]:
                reported += done.requests(name)
        given_up = server.received - reported
        must(0 <= given_up <= 10, f"{reported} requests reported, {server.received} came")
        return "over" if done.code == 0 else "interrupted", took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=harness.BINARY)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    harness.BINARY = asked.binary
    draw = random.Random(asked.seed)
    with Server(answer) as server:
        lasts = whole(server)
    say(f"undisturbed it lasts {lasts:.2f} s")
    ends, slowest, wrong = {}, 0.0, 0
    for i in range(asked.times):
        for how in ("killed", "cancelled"):
            moment = draw.uniform(0.0, lasts)
            try:
                if how == "killed":
                    end = killed(moment)
                else:
                    end, took = cancelled(moment, SIGNALS[i % len(SIGNALS)])
                    slowest = max(slowest, took)
                ends.setdefault(how, {}).setdefault(end, 0)
                ends[how][end] += 1
            except Wrong as why:
                wrong += 1
                say(f"WRONG: {how} after {moment:.3f} s: {why}")
    figures = {"times": asked.times, "seed": asked.seed, "lasts": round(lasts, 2), "ends": ends,
               "slowest_end_s": round(slowest, 2), "wrong": wrong}
    print(json.dumps(figures, indent=2))
    if asked.keep:
        page.keep("kill", figures, asked.binary)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
