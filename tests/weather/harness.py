"""Runs load-gate in weather, and holds what it left to what must be true."""

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

ROWS = []
BINARY = Path("target/release/load-gate")


@dataclass
class Row:
    """One kind of weather."""

    group: str
    name: str
    story: str
    play: object
    slow: bool


def row(group, story, slow=False):
    """Makes a row of a function; it returns the run to be shown, or raises `Wrong`."""

    def keep(play):
        ROWS.append(Row(group, play.__name__, story, play, slow))
        return play

    return keep


class Wrong(Exception):
    """Something that must be true isn't."""


def must(true, words):
    if not true:
        raise Wrong(words)


def config(url, rate=50, seconds=2.0, scenario="onboarding", limit='"none"', more="", engine=""):
    """One hold at `rate`/s, started at once."""
    return f"""
[environments.t]
url = "{url}"
profile = "tiny"
email_domain = "loadtest.test"
[engine]
timeout = "1s"
{engine}
[probes]
share = 0
[scenarios.{scenario}]
rate_limit = {limit}
[scenarios.{scenario}.profiles]
tiny = [{{ duration = "0s", target = {rate} }}, {{ duration = "{seconds}s", target = {rate} }}]
{more}
"""


@dataclass
class Run:
    """A finished command."""

    code: int
    out: str
    err: str
    wall: float
    cpu: float
    peak: int
    """Peak resident memory in bytes."""
    home: Path
    kept: object = None
    suite: dict = field(default_factory=dict)

    @property
    def headline(self):
        lines = self.err.strip().split("\n")
        wrong = [line for line in lines if line.startswith("error:")] if self.code == 2 else []
        return wrong[0] if wrong else self.suite.get("headline") or lines[0]

    @property
    def said(self):
        return self.out + self.err

    def results(self):
        return self.home / "results"

    def exits(self, code):
        must(self.code == code, f"exit {self.code} instead of {code}: {self.headline}\n{self.said[-3000:]}")
        return self

    def says(self, pattern, where=None):
        text = self.said if where is None else where
        must(re.search(pattern, text, re.I | re.S), f"nothing says /{pattern}/ in:\n{text[-3000:]}")
        return self

    def never_says(self, pattern):
        found = re.search(pattern, self.said, re.I)
        must(not found, f"says {found.group(0) if found else ''!r}:\n{self.said[-3000:]}")
        return self

    def within(self, seconds=None, cpu=None, mebibytes=None):
        must(seconds is None or self.wall <= seconds, f"took {self.wall:.1f} s, more than {seconds}")
        must(cpu is None or self.cpu <= cpu, f"burnt {self.cpu:.1f} s of CPU, more than {cpu}")
        peak = self.peak / 2**20
        must(mebibytes is None or peak <= mebibytes, f"took {peak:.0f} MiB, more than {mebibytes}")
        return self

    def outcomes(self, scenario="onboarding"):
        return self.result(scenario)["load_gate"]["outcomes"]

    def result(self, scenario="onboarding"):
        return json.loads((self.results() / f"{scenario}-results.json").read_text())

    def requests(self, scenario="onboarding"):
        return int(self.result(scenario)["metrics"]["http_reqs"]["values"]["count"])

    def counts_equal(self, server, scenario="onboarding"):
        """What was said to be sent is what came."""
        sent = self.requests(scenario)
        must(sent == server.received, f"{sent} requests reported, {server.received} came")
        return self

    def reports_parse(self):
        """Every report is there and whole."""
        here = self.results()
        for name in ("suite.json", "junit.xml", "summary.md", "report.html", "baseline.md"):
            must((here / name).is_file(), f"{name} is missing: {self.said[-2000:]}")
        self.suite = json.loads((here / "suite.json").read_text())
        must(not self.suite["partial"], "suite.json is a checkpoint")
        ElementTree.parse(here / "junit.xml")
        for scenario in self.suite["scenarios"]:
            name = scenario["plan"]["scenario"]
            json.loads((here / f"{name}-results.json").read_text())
        must(all(ord(c) >= 32 or c in "\n\t" for c in self.out), "control characters on stdout")
        return self


def environment(**more):
    """The caller's environment without anything that steers load-gate."""
    ours = ("TEST_API_KEY_", "LOAD_GATE_", "GITHUB_", "INPUT_", "API_URL", "STRIPE_", "SSL_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return {**kept, "NO_COLOR": "1", **more}


# Starts a command from a process that is small: a process's peak of memory counts what the
# one had that it was forked from. Writes its exit code, CPU seconds and peak in bytes.
LAUNCHER = """
import json, os, resource, signal, sys
account, limits, command = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
pid = os.fork()
if pid == 0:
    for which, value in limits.items():
        resource.setrlimit(int(which), tuple(value))
    os.execvp(command[0], command)
for which in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(which, signal.SIG_IGN)
_, status, usage = os.wait4(pid, 0)
told = [os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024]
with open(account, "w") as file:
    json.dump(told, file)
"""


class Started:
    """A run under way."""

    def __init__(self, text, args, env=None, limits=None, wrap=(), results=None, stderr=None, home=None):
        self.kept = tempfile.TemporaryDirectory(prefix="weather-") if home is None else None
        self.home = Path(home or self.kept.name)
        if text is not None:
            (self.home / "load-gate.toml").write_text(text)
        command = [*wrap, str(BINARY.resolve()), *args]
        if args[0] in ("run", "plan", "check") and "--results-dir" not in args:
            command += ["--results-dir", str(results or "results")]

        self.account = Path(tempfile.mkstemp(prefix="weather-account-")[1])
        asked = {int(which): value for which, value in (limits or {}).items()}
        command = [sys.executable, "-S", "-c", LAUNCHER, str(self.account), json.dumps(asked), *command]
        self.started = time.monotonic()
        self.child = subprocess.Popen(
            command,
            cwd=self.home,
            env=environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr or subprocess.PIPE,
        )
        self.pid = self.first_child()
        self.texts = {}
        self.readers = []
        for name in ("stdout", "stderr"):
            pipe = getattr(self.child, name)
            if pipe is not None and not (name == "stderr" and stderr is not None):
                reader = threading.Thread(target=self.read, args=(name, pipe), daemon=True)
                reader.start()
                self.readers.append(reader)

    def first_child(self):
        """What the launcher started: signals go there."""
        children = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        while self.child.poll() is None:
            if found := children.read_text().split():
                return int(found[0])
            time.sleep(0.001)
        return None

    def read(self, name, pipe):
        self.texts[name] = pipe.read().decode("utf-8", "replace")

    def until(self, true, seconds=20):
        """Waits until something is true."""
        end = time.monotonic() + seconds
        while not true():
            must(time.monotonic() < end, "waited in vain")
            must(self.child.poll() is None, "it ended before")
            time.sleep(0.01)
        return self

    def signal(self, which):
        self.signalled = time.monotonic()
        # It may have ended by itself meanwhile, which its end tells.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, which)
        return self

    def end(self, seconds=60):
        """Waits for the end; what it cost is the kernel's account of it."""
        timer = threading.Timer(seconds, lambda: self.pid and os.kill(self.pid, signal.SIGKILL))
        timer.start()
        self.child.wait()
        timer.cancel()
        wall = time.monotonic() - self.started
        code, cpu, peak = json.loads(self.account.read_text())
        self.account.unlink()
        for reader in self.readers:
            reader.join(5)
        run = Run(
            code=code,
            out=self.texts.get("stdout", ""),
            err=self.texts.get("stderr", ""),
            wall=wall,
            cpu=cpu,
            peak=peak,
            home=self.home,
            kept=self.kept,
        )
        suite = run.results() / "suite.json"
        if suite.is_file():
            try:
                run.suite = json.loads(suite.read_text())
            except ValueError:
                pass
        return run


def run(text, *args, end=60, **options):
    """Runs to the end."""
    return Started(text, args, **options).end(end)


def gate(text, *more, **options):
    """`run` against the environment of `config`, without the check beforehand, with all that it can say."""
    return run(text, "run", "-e", "t", "--no-check", "-v", "--seed", "7", *more, **options)


def interrupted(started, which=signal.SIGINT, seconds=4.0):
    """Interrupts, and holds the end to its deadline."""
    started.signal(which)
    done = started.end(seconds + 5)
    took = time.monotonic() - started.signalled
    must(took <= seconds, f"took {took:.1f} s to end, more than {seconds}")
    return done


def say(text):
    print(text, flush=True, file=sys.stderr)
