"""The machine under load-gate: starved, interrupted, out of descriptors or disk."""

import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import certificates
from harness import Started, config, gate, interrupted, must, row
from http1 import Server, good, reply, slowly

GROUP = "machine"

ALL_THREE = ["run", "-e", "embedded", "--seed", "7"]


def under_way(home):
    """Whether a checkpoint says that something was sent."""
    return lambda: (home / "results" / "suite.json").is_file()


def stopped(server, bound=None, rate=50, seconds=6, after=1):
    """A run against `server` that is stopped for 2.5 s in its hold, `after` so many seconds of it."""
    more = f'[scenarios.onboarding.thresholds]\n"response_time{{outcome:accepted}}" = ["p(95)<{bound}"]' if bound else ""
    started = Started(config(server.url, rate=rate, seconds=seconds, more=more), ["run", "-e", "t", "--no-check"])
    started.until(lambda: server.received > rate * after)
    pause(started, 2.5)
    return started.end().reports_parse()


def pause(started, seconds):
    started.signal(signal.SIGSTOP)
    time.sleep(seconds)
    started.signal(signal.SIGCONT)


def generators(done):
    """It accuses nobody but itself."""
    done.exits(3)
    must("generator" in done.headline, f"the headline is not the generator's: {done.headline}")
    return done


@row(GROUP, "stopped (SIGSTOP) for 2.5 s in a hold, the target in good health")
def stopped_long():
    with Server() as server:
        return generators(stopped(server)).counts_equal(server)


@row(GROUP, "stopped for 2.5 s under a tight threshold: late, but not the target")
def stopped_tight():
    with Server() as server:
        return generators(stopped(server, bound=100))


@row(GROUP, "stopped for 2.5 s, and the target truly slow: service time says so too")
def stopped_and_slow():
    with Server(slowly(0.3)) as server:
        return stopped(server, bound=200).exits(1)


@row(GROUP, "stopped for 2.5 s, the target takes one after another and works off what was given up")
def stopped_before_a_queue():
    free, lock = [0.0], threading.Lock()

    def one_by_one(request):
        with lock:
            free[0] = max(time.monotonic(), free[0]) + 0.008
            done = free[0]
        time.sleep(max(done - time.monotonic(), 0))
        good(request)

    with Server(one_by_one) as server:
        return generators(stopped(server, bound=100, rate=80, seconds=8, after=2))


@row(GROUP, "stopped for 2 s in the TLS handshake, which may take one: not the target's")
def stopped_in_handshake():
    certificates.leaf("stopped")

    class Slow(Server):
        def serve(self, sock):
            time.sleep(0.4)
            super().serve(sock)

    with Slow(tls=certificates.context("stopped")) as server:
        text = config(server.url, engine=certificates.trusted() + '\nconnect_timeout = "1s"\n')
        started = Started(text, ["run", "-e", "t", "--no-check"])
        started.until(lambda: server.connections > 0)
        pause(started, 2)
        return started.end().exits(0).reports_parse()


@row(GROUP, "a target that truly stands still for 2.5 s, the generator in good health")
def target_stalls():
    begun = []

    def stalling(request):
        begun.append(time.monotonic())
        until = begun[0] + 4.0
        if begun[0] + 1.5 < time.monotonic() < until:
            time.sleep(until - time.monotonic())
        good(request)

    with Server(stalling) as server:
        text = config(server.url, seconds=6).replace('timeout = "1s"', 'timeout = "10s"')
        more = '[scenarios.onboarding.thresholds]\n"response_time{outcome:accepted}" = ["p(95)<500"]'
        done = gate(text + more).exits(1).reports_parse().says("stood still")
        return done.counts_equal(server)


@contextmanager
def neighbours(many=6):
    """Busy on the first core for as long as this lasts."""
    burners = [subprocess.Popen(["taskset", "-c", "0", "sh", "-c", "while :; do :; done"]) for _ in range(many)]
    try:
        yield ("taskset", "-c", "0", "nice", "-n", "3")
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


@row(GROUP, "six busy neighbours on its one core, all before it in the queue")
def starved():
    with neighbours() as wrap, Server() as server:
        more = '[scenarios.onboarding.thresholds]\n"response_time{outcome:accepted}" = ["p(95)<50"]'
        done = gate(config(server.url, rate=100, seconds=4, more=more), wrap=wrap).reports_parse()
        must(done.code in (0, 3), f"accuses the target: exit {done.code}, {done.headline}")
        return done.counts_equal(server)


@row(GROUP, "the same neighbours, and the target truly slow: service time says so too")
def starved_and_slow():
    with neighbours() as wrap, Server(slowly(0.4)) as server:
        more = '[scenarios.onboarding.thresholds]\n"response_time{outcome:accepted}" = ["p(95)<200"]'
        return gate(config(server.url, rate=20, seconds=6, more=more), wrap=wrap).exits(1).reports_parse()


@row(GROUP, "the same neighbours, and a target that never answers")
def starved_and_dead():
    with neighbours() as wrap, Server(lambda r: good(r) if r.number < 10 else time.sleep(20)) as server:
        return gate(config(server.url, rate=20, seconds=4), wrap=wrap).exits(1).reports_parse()


@row(GROUP, "64 open files, the answers slow: local trouble is never the target's")
def few_descriptors():
    with Server(slowly(0.8)) as server:
        limits = {resource.RLIMIT_NOFILE: (64, 64)}
        done = gate(config(server.url, rate=200), limits=limits).exits(3).reports_parse()
        must("generator" in done.headline or "open files" in done.headline, done.headline)
        must(done.outcomes()["transport"] == 0, f"counted against the target: {done.outcomes()}")
        must(done.outcomes()["dropped"] > 0, f"nothing dropped: {done.outcomes()}")
        return done.says("open files").says("ulimit")


@row(GROUP, "8 open files: too few to start at all")
def too_few_descriptors():
    with Server() as server:
        limits = {resource.RLIMIT_NOFILE: (8, 8)}
        done = gate(config(server.url), limits=limits).exits(2).never_says("panic")
        return done.says("open files").says("ulimit")


@row(GROUP, "SIGINT while the check waits for an answer")
def interrupt_in_check():
    with Server(accepting=False) as server:
        started = Started(config(server.url), ["run", "-e", "t"])
        started.until(under_way(started.home))
        time.sleep(0.3)
        return interrupted(started).exits(3).reports_parse()


@row(GROUP, "SIGTERM while the canary waits for its answer")
def interrupt_in_canary():
    with Server(slowly(30)) as server:
        text = config(server.url, engine="").replace('timeout = "1s"', 'timeout = "30s"')
        started = Started(text, ["run", "-e", "t", "--no-check"])
        started.until(lambda: server.received > 0)
        return interrupted(started, signal.SIGTERM).exits(3).reports_parse()


def in_load(which):
    with Server() as server:
        started = Started(config(server.url, seconds=10), ["run", "-e", "t", "--no-check"])
        started.until(lambda: server.received > 50)
        done = interrupted(started, which).exits(3).reports_parse().counts_equal(server)
        must(done.outcomes()["timeout"] == 0, f"gave up itself: {done.outcomes()}")
        return done


@row(GROUP, "SIGINT in the load")
def interrupt_in_load():
    return in_load(signal.SIGINT)


@row(GROUP, "SIGHUP in the load")
def hangup_in_load():
    return in_load(signal.SIGHUP)


@row(GROUP, "SIGHUP under nohup: the run goes on to its end")
def hangup_under_nohup():
    with Server() as server:
        started = Started(config(server.url), ["run", "-e", "t", "--no-check"], wrap=["nohup"])
        started.until(lambda: server.received > 20)
        started.signal(signal.SIGHUP)
        return started.end().exits(0).reports_parse().counts_equal(server)


@row(GROUP, "SIGQUIT in the load")
def quit_in_load():
    return in_load(signal.SIGQUIT)


@row(GROUP, "SIGINT in the drain, 100 answers awaited that never come")
def interrupt_in_drain():
    with Server(lambda r: time.sleep(60) if r.number > 10 else good(r)) as server:
        text = config(server.url, rate=50).replace('timeout = "1s"', 'timeout = "30s"')
        started = Started(text, ["run", "-e", "t", "--no-check"])
        started.until(lambda: server.received >= 101)
        time.sleep(0.3)
        done = interrupted(started).exits(3).reports_parse()
        must(done.outcomes()["timeout"] == 0, f"what it gave up itself counts: {done.outcomes()}")
        return done


@row(GROUP, "SIGINT while GitHub, which never answers, is told of a pass")
def interrupt_while_published():
    with Server() as server, Server(accepting=False) as github:
        with tempfile.TemporaryDirectory(prefix="weather-event-") as folder:
            event = Path(folder) / "event.json"
            outputs = Path(folder) / "output"
            outputs.touch()
            event.write_text('{"pull_request": {"number": 7}}')
            env = {
                "GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "o/r", "GITHUB_EVENT_NAME": "pull_request",
                "GITHUB_EVENT_PATH": str(event), "GITHUB_API_URL": github.url, "GITHUB_OUTPUT": str(outputs),
                "INPUT_GITHUB_TOKEN": "ghs_token", "INPUT_ENVIRONMENT": "t", "INPUT_SCENARIOS": "onboarding",
                "INPUT_CONFIG": "load-gate.toml", "INPUT_RESULTS_DIR": "results", "INPUT_NO_CHECK": "true",
            }
            started = Started(config(server.url), ["action"], env=env)
            started.until(lambda: "exit-code" in outputs.read_text())
            done = interrupted(started).exits(3).reports_parse()
            must(done.suite["verdict"] == "inconclusive", f"suite.json says {done.suite['verdict']}")
            done.says("interrupted while it was published")
            must(outputs.read_text().rstrip().count("inconclusive") > 0, outputs.read_text())
            return done


@row(GROUP, "SIGINT while a receiver of metrics, which never answers, is waited for")
def interrupt_while_metrics_are_flushed():
    with Server() as server, Server(accepting=False) as receiver:
        args = ["run", "-e", "t", "--no-check", "--prometheus-url", f"{receiver.url}/api/v1/write"]
        started = Started(config(server.url), args)
        started.until(lambda: server.received >= 101)
        time.sleep(1.0)
        done = interrupted(started).exits(3).reports_parse()
        must(done.outcomes()["accepted"] == 100, f"{done.outcomes()}")
        return done


@row(GROUP, "SIGINT in the cooldown between two scenarios")
def interrupt_in_cooldown():
    with Server() as server:
        text = config(server.url, seconds=1.5)
        text += '[scenarios.webhook.profiles]\ntiny = [{ duration = "1s", target = 5 }]\n'
        started = Started(
            text,
            ["run", "-e", "t", "--no-check", "--cooldown", "60s"],
            env={"STRIPE_WEBHOOK_SECRET": "whsec_weather"},
        )
        started.until(lambda: server.received >= 76)
        time.sleep(1)
        done = interrupted(started).exits(3).reports_parse()
        first = done.suite["scenarios"][0]["verdict"]
        must(first["kind"] == "pass", f"what was done before is lost: {first}")
        return done


@row(GROUP, "a second SIGINT while answers are awaited: leaves at once, what is on disk is whole")
def interrupted_twice():
    with Server(lambda r: time.sleep(60) if r.number > 10 else good(r)) as server:
        text = config(server.url).replace('timeout = "1s"', 'timeout = "30s"')
        started = Started(text, ["run", "-e", "t", "--no-check"])
        started.until(lambda: server.received >= 50)
        started.signal(signal.SIGINT)
        time.sleep(0.5)
        done = interrupted(started, seconds=1.0).exits(3)
        json.loads((done.results() / "suite.json").read_text())
        return done


@row(GROUP, "killed (SIGKILL) in the load: the checkpoint is whole, and inconclusive")
def killed():
    with Server() as server:
        started = Started(config(server.url, seconds=10), ["run", "-e", "t", "--no-check"])
        started.until(lambda: server.received > 50)
        started.signal(signal.SIGKILL)
        done = started.end()
        must(done.suite["partial"] and done.suite["verdict"] != "pass", "a killed run looks done")
        return done


@row(GROUP, "a stderr that nobody reads: the load goes on, SIGINT is heard")
def stderr_unread():
    with Server() as server:
        reading, writing = os.pipe()
        os.set_blocking(writing, True)
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        # Filled to the brim before it starts.
        os.set_blocking(writing, False)
        try:
            while True:
                os.write(writing, b"x" * 512)
        except BlockingIOError:
            os.set_blocking(writing, True)
        started = Started(config(server.url, seconds=3), ["run", "-e", "t", "--no-check"], stderr=writing)
        started.until(lambda: server.received > 100, 10)
        done = interrupted(started).exits(3)
        os.close(reading)
        os.close(writing)
        return done


@contextmanager
def small_disk(size):
    """A file system of its own, of `size`; needs root."""
    here = tempfile.mkdtemp(prefix="weather-disk-")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", here], check=True)
    try:
        yield Path(here)
    finally:
        subprocess.run(["umount", "-l", here], check=True)
        os.rmdir(here)


def cannot_keep(done):
    done.exits(3).says("can.t be (kept|written)|could not be (kept|written)|couldn.t be (kept|written)|not written")
    must("onboarding" in done.out, "the closing summary isn't on stdout")
    named = [w.strip("`'\".,:;)(") for w in done.said.split() if w.strip("`'\".,:;)(").endswith("suite.json")]
    kept = [Path(n) for n in named if Path(n).is_absolute() and Path(n).is_file()]
    must(kept, f"no second place is named: {done.said[-1500:]}")
    suite = json.loads(kept[0].read_text())
    must(suite["verdict"] == "inconclusive", f"the second place says {suite['verdict']}")
    done.suite = suite
    shutil.rmtree(kept[0].parent, ignore_errors=True)
    return done


@row(GROUP, "the disk is full before the reports are written")
def disk_full():
    with small_disk("64k") as disk, Server() as server:
        (disk / "other").write_bytes(b"x" * 24 * 1024)
        return cannot_keep(gate(config(server.url), results=disk / "results"))


@row(GROUP, "the results directory is removed in mid-run, a file in its place")
def directory_removed():
    with Server() as server:
        started = Started(config(server.url), ["run", "-e", "t", "--no-check"])
        started.until(lambda: server.received > 20)
        shutil.rmtree(started.home / "results")
        (started.home / "results").write_text("not a directory")
        return cannot_keep(started.end())


@row(GROUP, "the file system becomes read-only in mid-run")
def read_only():
    with small_disk("16m") as disk, Server() as server:
        started = Started(config(server.url), ["run", "-e", "t", "--no-check"], results=disk / "results")
        started.until(lambda: server.received > 20)
        for _ in range(200):
            if subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True).returncode == 0:
                break
            time.sleep(0.01)
        return cannot_keep(started.end())


@row(GROUP, "the directory is removed, and the target fails: a fail stays a fail")
def directory_removed_fail():
    with Server(lambda r: r.send(reply(500, "{}"))) as server:
        started = Started(config(server.url), ["run", "-e", "t", "--no-check"])
        started.until(lambda: server.received > 20)
        shutil.rmtree(started.home / "results")
        (started.home / "results").write_text("not a directory")
        return started.end().exits(1)


@row(GROUP, "a second run in the same directory: refused, the first goes on")
def two_runs():
    with Server() as server:
        text = config(server.url, seconds=3)
        first = Started(text, ["run", "-e", "t", "--no-check"])
        first.until(lambda: server.received > 10)
        second = Started(text, ["run", "-e", "t", "--no-check"], home=first.home).end().exits(2)
        first.end().exits(0).reports_parse().counts_equal(server)
        third = Started(text, ["run", "-e", "t", "--no-check"], home=first.home).end().exits(0)
        return second if third.code == 0 else third
