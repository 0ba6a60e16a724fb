#!/usr/bin/env python3
"""Four machines against one limiter by address: network namespaces with addresses of their own.

    sudo python3 tests/machines/namespaces.py target/release/load-gate

Runs the same plan from one machine and dealt to four that start together, against a limiter that
keeps to what it is declared to do and one that admits half as much again; then once more, and one
machine is killed. Shown, and asked for: the union's arrivals in every second within 1 % of the
profile (those due exactly), the ramps of all four within 100 ms of the profile by when the target
met each arrival, the same verdict and the same limiter rules as of the single run, and
a killed machine named and inconclusive. With --clocks (needs libfaketime) the machines' clocks are off
instead, by up to 3.3 s, and one limiter counts all of them together: one that keeps to the limit is
not accused, one that admits a tenth more and one that admits four fifths are. Needs root and `ip`; touches no namespace but its own, and
no load leaves them.
"""
import argparse, asyncio, contextlib, datetime, json, os, pathlib, signal, subprocess, sys, tempfile, time

MACHINES = 4
PREFIX = f"lg{os.getpid()}"
TARGET = "10.77.0.1"
PORT = 8077
LIMIT, WINDOW = 60, 5
# What else this machine does isn't the trial's affair.
FIRST = ["nice", "-n", "-19"]
# Arrivals per second at the end of each stage, and the stage's seconds.
STAGES = [(0, 120), (4, 240), (8, 240), (3, 60)]
CONFIG = f"""
[engine]
max_lag = "150ms"
[environments.trial]
url = "http://{TARGET}:{PORT}"
profile = "trial"
scenarios = ["ping"]
[scenarios.ping]
path = "/ping/{{n}}"
expect = {{ status = 200, json = {{ "$.ok" = "boolean" }} }}
rate_limit = {{ limit = {LIMIT}, window = "{WINDOW}s", scope = "SCOPE", refusals = "free" }}
IDENTITY
[scenarios.ping.profiles]
trial = [{", ".join(f'{{ duration = "{s}s", target = {t} }}' for s, t in STAGES)}]
[scenarios.ping.thresholds]
"response_time{{outcome:accepted}}" = ["p(95)<1000"]
success_rate = ["rate>0.99"]
"""
BY_ADDRESS = CONFIG.replace("SCOPE", "ip").replace("IDENTITY", '[scenarios.ping.identity]\nkind = "address"')
TOGETHER = CONFIG.replace("SCOPE", "global").replace("IDENTITY", "")
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
# What each machine's clock is off by, in seconds, where that is tried.
CLOCKS = {2: 0.12, 3: -3.3, 4: -0.09}


class Target(asyncio.Protocol):
    """HTTP/1.1 with a window of its own for each address that sends, or one for all: `limit` in it, then 429."""

    limit, windows, seen, met, together = LIMIT, {}, set(), None, False

    def connection_made(self, transport):
        self.transport, self.rest = transport, b""
        self.address = transport.get_extra_info("peername")[0]
        self.seen.add(self.address)

    def data_received(self, data):
        self.rest += data
        while b"\r\n\r\n" in self.rest:
            head, self.rest = self.rest.split(b"\r\n\r\n", 1)
            # What `check` asks first is another endpoint.
            load = head.startswith(b"GET /ping/")
            if load:
                self.met.write(f"{time.time():.6f} {self.address}\n")
            admitted = not load or self.admits()
            status, body = ("200 OK", b'{"ok":true}') if admitted else ("429 Too Many Requests", b'{"error":"rate limited"}')
            date = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
            head = f"HTTP/1.1 {status}\r\ndate: {date}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            self.transport.write(head.encode() + body)

    def admits(self):
        now = time.monotonic()
        who = "all" if self.together else self.address
        opened, count = self.windows.get(who, (-1e9, 0))
        if now >= opened + WINDOW:
            opened, count = now, 0
        admitted = count < self.limit
        self.windows[who] = (opened, count + admitted)
        return admitted


async def serve(limit, met, together):
    Target.limit, Target.met, Target.together = limit, open(met, "w", buffering=1), together
    server = await asyncio.get_running_loop().create_server(Target, TARGET, PORT)
    print("serving", flush=True)
    await server.serve_forever()


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def namespace(name):
    return f"{PREFIX}-{name}"


@contextlib.contextmanager
def network():
    """A switch, the target and the machines, each in a namespace of its own."""
    names = ["net", "target", *map(str, range(1, MACHINES + 1))]
    try:
        for name in names:
            ip("netns", "add", namespace(name))
            ip("-n", namespace(name), "link", "set", "lo", "up")
        ip("-n", namespace("net"), "link", "add", "switch", "type", "bridge")
        ip("-n", namespace("net"), "link", "set", "switch", "up")
        for place, name in enumerate(names[1:], 1):
            ip("-n", namespace("net"), "link", "add", f"p{place}", "type", "veth", "peer", "name", "eth0", "netns", namespace(name))
            ip("-n", namespace("net"), "link", "set", f"p{place}", "master", "switch", "up")
            ip("-n", namespace(name), "addr", "add", f"10.77.0.{place}/24", "dev", "eth0")
            ip("-n", namespace(name), "link", "set", "eth0", "up")
        yield
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", namespace(name)], stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def target(limit, met, *how):
    within = [*FIRST, "ip", "netns", "exec", namespace("target")]
    process = subprocess.Popen([*within, sys.executable, __file__, "--serve", str(limit), "--met", str(met), *how], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"serving\n"
        yield
    finally:
        process.kill()
        process.wait()


def start(binary, machine, folder, *arguments, off=None):
    faked = {"LD_PRELOAD": FAKETIME, "FAKETIME": f"{off:+}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"} if off else {}
    command = [*FIRST, "ip", "netns", "exec", namespace(machine), "env", *(f"{name}={value}" for name, value in faked.items()), binary, "run", "--config", "trial.toml", "--env", "trial", "--seed", "7", *arguments]
    log = open(folder / f"log-{machine}", "w")
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]})


def read(path):
    suite = json.loads(path.read_text())
    (scenario,) = suite["scenarios"]
    return suite, scenario


def rules(scenario):
    return {rule["name"]: rule["verdict"] for rule in scenario["verdict"]["limiter"]["rules"]}


def dealt(binary, folder, name, kill=None, clocks={}):
    """Four machines that start together, and what merge makes of them."""
    root = folder / name
    moment = datetime.datetime.fromtimestamp(int(time.time()) + 12, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    running = [
        start(binary, machine, folder, "--shard", f"{machine}/{MACHINES}", "--start-at", moment, "--results-dir", str(root / str(machine)), off=clocks.get(machine))
        for machine in range(1, MACHINES + 1)
    ]
    if kill:
        time.sleep(12 + sum(seconds for seconds, _ in STAGES) / 2)
        running[kill - 1].send_signal(signal.SIGKILL)
    codes = [process.wait() for process in running]
    for machine, code in enumerate(codes, 1):
        if code != 0 and machine != kill:
            sys.exit(f"shard {machine}: exit code {code}\n{(folder / f'log-{machine}').read_text()}")
    merged = subprocess.run([binary, "merge", str(root), "--results-dir", str(folder / f"{name}-whole")], capture_output=True, text=True, cwd=folder)
    (folder / f"log-{name}").write_text(merged.stdout + merged.stderr)
    return (datetime.datetime.fromisoformat(moment).timestamp(), merged.returncode, *read(folder / f"{name}-whole/suite.json"))


def due():
    """When each arrival is due by the profile, in seconds: where its integral comes to a whole number."""
    moments, rate, start, area = [], 0.0, 0.0, 0.0
    for seconds, goal in STAGES:
        steps = seconds * 100_000
        for step in range(steps):
            middle = rate + (goal - rate) * (step + 0.5) / steps
            before, area = area, area + middle / 100_000
            if int(area + 1e-6) > int(before + 1e-6):
                moments.append(start + (step + 1) / 100_000)
        rate, start = float(goal), start + seconds
    return moments


def planned():
    """Arrivals due in each second by the profile."""
    # What is due when a second ends belongs to the next.
    seconds = [int(moment + 1e-9) for moment in due()]
    return [seconds.count(second) for second in range(max(seconds) + 1)]


def together(met, moment, ask):
    """The arrivals of all machines, as the target met them, beside the profile's moments."""
    stamps = [line.split() for line in met.read_text().splitlines()]
    stamps = [(float(at) - moment, address) for at, address in stamps if float(at) >= moment - 0.5]
    # The canary comes before the load.
    moments, stamps = due(), sorted(stamps)[-len(due()):]
    off = [1000 * (at - wanted) for (at, _), wanted in zip(stamps, moments)]
    ramp = [o for o, wanted in zip(off, moments) if wanted < STAGES[0][0] + STAGES[1][0] or wanted > sum(s for s, _ in STAGES[:-1])]
    first = {}
    for at, address in stamps:
        first.setdefault(address, at)
    print("  first met of each machine after the moment: " + ", ".join(f"{1000 * at:.1f} ms" for at in sorted(first.values())))
    ask(f"the target met {len(stamps)} of {len(moments)} arrivals of {len(first)} addresses", len(stamps) == len(moments) and len(first) == MACHINES)
    ask(f"in the ramps each within 100 ms of the profile ({min(ramp):.1f} to {max(ramp):.1f} ms)", max(map(abs, ramp)) <= 100)


def clocks_off(binary, folder, ask):
    """One limiter that counts all machines together, whose clocks are off."""
    for name, limit, broken in [("right", LIMIT, None), ("a tenth more", LIMIT * 11 // 10, "holds"), ("four fifths", LIMIT * 4 // 5, "lets_through")]:
        with target(limit, folder / f"{name}-met", "--together"):
            _, _, whole, scenario = dealt(binary, folder, name, clocks=CLOCKS)
        recording = scenario["recording"]
        print(f"\n{name} ({limit} in {WINDOW} s for all, {LIMIT} declared)\n  dealt:  {whole['headline']}")
        for row in recording["shards"]["rows"]:
            off, known, error = CLOCKS.get(row["shard"], 0.0), row["clock_offset"], row["clock_error"] / 1e9
            ask(f"shard {row['shard']}: its clock, {off:+} s off, is known: {-known:+.4f} s, give or take {error:.4f} s", abs(off + known) <= error + 0.001)
        failed = [rule for rule, verdict in rules(scenario).items() if verdict == "fail"]
        ask(f"broken: {failed}, as it should be", failed == ([broken] if broken else []))


def trial(binary, folder, ask):
    for name, limit in [("right", LIMIT), ("lax", LIMIT * 3 // 2)]:
        met = folder / f"{name}-met"
        with target(limit, met):
            code = start(binary, 1, folder, "--results-dir", f"{name}-single").wait()
        single, alone = read(folder / f"{name}-single/suite.json")
        with target(limit, met):
            moment, merged, whole, scenario = dealt(binary, folder, name)
        print(f"\n{name} limiter ({limit} in {WINDOW} s, {LIMIT} declared)\n  single: {single['headline']}\n  dealt:  {whole['headline']}")
        ask(f"the verdict of four machines is the single run's ({single['verdict']}, exit code {code})", (whole["verdict"], merged) == (single["verdict"], code))
        wanted = "pass" if name == "right" else "fail"
        ask(f"it is {wanted}", whole["verdict"] == wanted)
        ask(f"so are the limiter's rules: {rules(scenario)}", rules(scenario) == rules(alone))
        bins, profile = scenario["recording"]["timeline"]["bins"], planned()
        bins = bins[: len(profile)] + [{"due": 0, "sent": 0}] * (len(profile) - len(bins))
        due = [b["due"] for b in bins]
        print("  second   " + " ".join(f"{second:4}" for second in range(len(profile))))
        print("  profile  " + " ".join(f"{n:4}" for n in profile))
        ask("what was due in every second is the profile's, to the arrival", due == profile)
        # The very end, where one arrival is a second's all, is in the seconds that are due alone.
        whole_seconds = [(b["sent"], n) for b, n in zip(bins, profile) if n > 1]
        off = [abs(sent - n) / n for sent, n in whole_seconds]
        print("  due      " + " ".join(f"{n:4}" for n in due))
        print("  sent     " + " ".join(f"{b['sent']:4}" for b in bins))
        ask(f"what was sent in every second is within 1 % of it (worst {100 * max(off):.2f} %)", max(off) <= 0.01)
        together(met, moment, ask)
        rows = scenario["recording"]["shards"]["rows"]
        for row in rows:
            print(f"  shard {row['shard']}: {row['sent']} of {row['planned']} sent, {row['accepted']} accepted, begun at {row['load_start']}, clock off by {row['clock_offset']} s, known to {row.get('clock_error', 0) / 1e6:.1f} ms")
        ask("each machine has an address and a window of its own", len(scenario["recording"]["ledgers"]) >= MACHINES)
    with target(LIMIT, folder / "killed-met"):
        _, merged, whole, _ = dealt(binary, folder, "killed", kill=3)
    print(f"\none machine killed\n  dealt:  {whole['headline']}")
    ask("it is inconclusive and names the machine", merged == 3 and whole["verdict"] == "inconclusive" and "shard 3 is partial: its run never ended" in whole["headline"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--met", help=argparse.SUPPRESS)
    parser.add_argument("--together", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--clocks", action="store_true", help="the machines' clocks are off")
    parser.add_argument("--keep", help="a folder for results and logs")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve, options.met, options.together))
        return
    if os.geteuid() != 0 or not options.binary:
        sys.exit(__doc__)
    if options.clocks and not os.path.exists(FAKETIME):
        sys.exit(f"--clocks needs {FAKETIME} (Debian's package faketime)")
    failures = []

    def ask(what, holds):
        print(f"{'holds' if holds else 'BROKEN'}: {what}", flush=True)
        if not holds:
            failures.append(what)

    with tempfile.TemporaryDirectory() as scratch, network():
        folder = pathlib.Path(options.keep or scratch).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "trial.toml").write_text(TOGETHER if options.clocks else BY_ADDRESS)
        (clocks_off if options.clocks else trial)(str(pathlib.Path(options.binary).resolve()), folder, ask)
    sys.exit(f"{len(failures)} broken" if failures else 0)


if __name__ == "__main__":
    main()
