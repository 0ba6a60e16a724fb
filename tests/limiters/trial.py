"""What load-gate calls the limiters that people use: runs each, declared 20 per 10 s, and writes docs/limiters.md.

    python3 tests/limiters/trial.py target/release/load-gate [--write docs/limiters.md] [--only NAME]

Needs Python 3, node and npm, nginx and cargo where their limiters are to be tried; what isn't there is left out and
said. Packages are installed from their registries as pinned in requirements.txt, package-lock.json and
tower/Cargo.lock, into a folder of the system's temporary directory.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOM = pathlib.Path(tempfile.gettempdir()) / "load-gate-limiters"
AS_JSON = "{ status = 429, json = true }"
AS_TEXT = "{ status = 429, json = false }"

# name, what runs it, what it is declared to be beside 20 in 10 s, how it refuses, what it is known to be.
LIMITERS = [
    ("nginx limit_req, burst nodelay", "nginx:burst=19 nodelay", "", 429, "token bucket (GCRA)"),
    ("nginx limit_req, burst nodelay, its own 503", "nginx:burst=19 nodelay", "", 503, "token bucket (GCRA)"),
    ("nginx limit_req, the same 503 not declared", "nginx:burst=19 nodelay", "undeclared", 503, "token bucket (GCRA)"),
    ("nginx limit_req, burst", "nginx:burst=19", "", 429, "queue that delays"),
    ("nginx limit_req, no burst", "nginx:", "burst = 1", 429, "one every half second"),
    ("express-rate-limit 8", "node:express-rate-limit", "", 0, "anchored window"),
    ("@fastify/rate-limit 11", "node:fastify-rate-limit", "", 1, "anchored window"),
    ("@fastify/rate-limit 11, continueExceeding", "node:fastify-rate-limit-prolonged", "", 1, "refusals prolong the window"),
    ("rate-limiter-flexible 11", "node:rate-limiter-flexible", "", 1, "anchored window"),
    ("rate-limiter-flexible 11, bursty", "node:rate-limiter-flexible-bursty", "", 1, "2 a second, and 20 more in 10 s"),
    ("limits 5, fixed window", "python:limits-fixed", "", 1, "fixed window"),
    ("limits 5, moving window", "python:limits-moving", "", 1, "sliding window"),
    ("limits 5, sliding window counter", "python:limits-counter", "", 1, "sliding counter"),
    ("pyrate-limiter 4", "python:pyrate-limiter", "", 1, "sliding window"),
    ("slowapi 0.1", "python:slowapi", "", 1, "fixed window"),
    ("Flask-Limiter 4", "python:flask-limiter", "", 0, "fixed window"),
    ("Flask-Limiter 4, moving window", "python:flask-limiter-moving", "", 0, "sliding window"),
    ("tower_governor 0.8", "cargo:tower", "", 0, "token bucket (GCRA)"),
]


def installed():
    """The folder with the packages: pinned ones, installed once."""
    ROOM.mkdir(exist_ok=True)
    python = ROOM / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(ROOM / "venv", with_pip=True)
        run = [python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"]
        subprocess.run(run, check=True)
    if shutil.which("npm") and not (ROOM / "node_modules").exists():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, ROOM / name)
        subprocess.run(["npm", "ci", "--no-fund", "--no-audit", "--silent"], cwd=ROOM, check=True)
    shutil.copy(HERE / "server.mjs", ROOM / "server.mjs")
    return python


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def nginx(options, status, port, folder):
    config = folder / "nginx.conf"
    config.write_text(
        f"""daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
  fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  limit_req_zone $binary_remote_addr zone=it:1m rate=120r/m; limit_req_status {status};
  server {{ listen 127.0.0.1:{port}; root {folder};
    location = / {{ limit_req zone=it {options}; default_type application/json; try_files /ok.json =404; }} }}
}}
"""
    )
    (folder / "ok.json").write_text('{"ok": true}')
    return ["nginx", "-p", str(folder), "-c", str(config)]


def crate(name, port):
    """A limiter that is a crate, built."""
    built = ROOM / name
    build = ["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", str(built)]
    subprocess.run(build, cwd=HERE / name, check=True)
    return [str(built / "release" / f"limiter-{name}"), str(port)]


def start(runs, status, folder, python):
    port = free_port()
    kind, _, what = runs.partition(":")
    if kind == "nginx":
        command = nginx(what, status, port, folder)
    elif kind == "cargo":
        command = crate(what, port)
    elif kind == "node":
        command = ["node", str(ROOM / "server.mjs"), what, str(port)]
    else:
        command = [str(python), str(HERE / "server.py"), what, str(port)]
    server = subprocess.Popen(command, cwd=ROOM, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return server, port
        except OSError:
            time.sleep(0.1)
    server.kill()
    raise RuntimeError(f"{runs} doesn't listen")


def stages():
    """Uneven traffic of one address: what load-gate's own proof of a limit does, by an arrival schedule."""
    out, now = [], 0.0

    def rest(until):
        nonlocal now
        if until > now:
            out.append((until - now, 0))
            now = until

    def burst(at, n, rate=50):
        nonlocal now
        rest(at)
        out.append((n / rate, rate))
        now += n / rate

    for start in (0.0, 27.0):
        burst(start, 5)
        burst(start + 0.6, 41)
        for k in range(1, 10):
            at = start + 1.6 + 0.9 * k + 0.13 * (k % 3)
            burst(at, 14 if k == 5 else 1)
        burst(start + 11.3, 12)
        burst(start + 12.4, 21)
    # Left alone for longer than a window, then a window without a refusal.
    for start in (53.0, 80.0):
        burst(start, 14)
        burst(start + 8.0, 6)
        burst(start + 11.2, 10)
        burst(start + 16.0, 13)
    rest(97.0)
    rows = []
    for length, rate in out:
        rows.append(f'{{ duration = "0s", target = {rate} }}, {{ duration = "{length * 1000:.0f}ms", target = {rate} }}')
    return ", ".join(rows)


def judged(gate, port, declared, status, folder):
    refusal = {0: AS_TEXT, 1: AS_JSON}.get(status, f"{{ status = {status}, json = false }}")
    extra = f", {declared}" if declared and declared != "undeclared" else ""
    if declared == "undeclared":
        refusal = AS_TEXT
    (folder / "load-gate.toml").write_text(
        f"""[environments.t]
url = "http://127.0.0.1:{port}"
profile = "t"
[engine]
max_lag = "5s"
[scenarios.it]
path = "/"
writes = false
identities = 1
rate_limit = {{ limit = 20, window = "10s", scope = "ip", refusal = {refusal}{extra} }}
[scenarios.it.identity]
kind = "address"
[scenarios.it.profiles]
t = [{stages()}]
"""
    )
    run = [gate, "run", "it", "--env", "t", "--results-dir", "r"]
    done = subprocess.run(run, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    path = folder / "r" / "suite.json"
    if not path.exists():
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(path.read_text())["scenarios"][0]["verdict"]["limiter"]


def row(name, known, limiter):
    inferred = limiter["inferred"]
    called = inferred["algorithm"]
    if inferred.get("left"):
        called += " (" + " or ".join(inferred["left"]) + ")"
    figures = "–"
    if inferred.get("limit"):
        figures = f'{inferred["limit"]["value"]:g}'
        if inferred.get("window_s"):
            figures += f' per {inferred["window_s"]["value"]:.3g} s'
    says = [f'{r["name"]}: {r["verdict"]}' for r in limiter["rules"] if r["verdict"] in ("fail", "inconclusive")]
    notes = [f'{r["name"]}: {r["verdict"]}' for r in limiter["rules"] if r["verdict"] == "info" and r["name"] != "not_spoofable"]
    rules = "; ".join(says + notes) or "all kept"
    return f'| {name} | {known} | `{called}` | {figures} | {rules} |'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("gate")
    parser.add_argument("--write")
    parser.add_argument("--only")
    arguments = parser.parse_args()
    gate = os.path.abspath(arguments.gate)
    python = installed()
    under_way, lines, missing = [], [], []
    for name, runs, declared, status, known in LIMITERS:
        if arguments.only and arguments.only not in name:
            continue
        if not shutil.which({"python": "python3"}.get(runs.split(":")[0], runs.split(":")[0])):
            missing.append(name)
            continue
        folder = pathlib.Path(tempfile.mkdtemp(prefix="limiter-"))
        try:
            server, port = start(runs, status if status > 1 else 429, folder, python)
        except RuntimeError as wrong:
            missing.append(f"{name} ({wrong})")
            continue
        under_way.append((name, known, declared, status, folder, server, port))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(6) as pool:
        ask = lambda it: judged(gate, it[6], it[2], it[3], it[4])
        for it, limiter in zip(under_way, pool.map(ask, under_way)):
            it[5].kill()
            lines.append(row(it[0], it[1], limiter))
            print(lines[-1], file=sys.stderr)
            print("    " + limiter["inferred"]["why"], file=sys.stderr)
            for r in limiter["rules"]:
                if r["verdict"] in ("fail", "info", "inconclusive"):
                    print(f'    {r["verdict"]} {r["name"]}: {r["evidence"][:300]}', file=sys.stderr)
            shutil.rmtree(it[4], ignore_errors=True)
    page = PAGE + "\n".join(lines) + "\n"
    if missing:
        page += "\nLeft out, since they could not be started here: " + ", ".join(missing) + ".\n"
    if arguments.write:
        path = pathlib.Path(arguments.write)
        # What the simulation found stands below, made by examples/limiters.
        before, heading, rest = path.read_text().partition(SIMULATED) if path.exists() else ("", "", "")
        path.write_text(page + ("\n" + heading + rest if heading else ""))
    else:
        print(page)


SIMULATED = "## In simulation\n"

PAGE = """# What limiters that people use are called

Each is run on this machine, declared as 20 requests in 10 s, and met by one address for 97 seconds: bursts, single
requests, pauses. Made by `python3 tests/limiters/trial.py target/release/load-gate --write docs/limiters.md`, which
installs them as pinned; what the names mean stands in [rate-limits.md](rate-limits.md#inferred).

| limiter | known to be | called | limit | rules |
| --- | --- | --- | ---: | --- |
"""

if __name__ == "__main__":
    main()
