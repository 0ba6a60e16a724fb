#!/usr/bin/env python3
"""Makes the comments of real runs: the binary is the action's, the target is `load-gate serve`
or the embedded one, and a GitHub of our own keeps what is posted. Writes NAME.md for each.

    runs.py LOAD_GATE FOLDER
"""
import http.server, json, os, pathlib, re, signal, subprocess, sys, tempfile, threading, time

binary, folder = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2]).resolve()
folder.mkdir(parents=True, exist_ok=True)
posted = []

EVIL = ("</table></details><script>alert(1)</script> @everyone [x](javascript:alert(1)) "
        "![i](https://evil.test/i.png) | a | b | `x` ::error::owned #1 https://evil.test ")


class GitHub(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply(200, [])

    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("/comments"):
            posted.append(sent["body"])
        self.reply(201, {"id": 1})

    def reply(self, status, body, kind="application/json"):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Hostile(GitHub):
    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.reply(500, EVIL, "text/html")


def serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


github = serve(GitHub)


def run(name, inputs, env=(), interrupt=None, config=""):
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        (temp / "event.json").write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": "0123456789abcdef0123456789abcdef01234567", "repo": {"full_name": "o/r"}}, "base": {"repo": {"full_name": "o/r"}}}}))
        (temp / "gate.toml").write_text(config)
        results = folder / "results" / name
        settings = {
            "PATH": os.environ["PATH"], "GITHUB_ACTIONS": "true", "GITHUB_API_URL": github, "GITHUB_REPOSITORY": "o/r",
            "GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "42", "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(temp / "event.json"), "INPUT_GITHUB_TOKEN": "ghs_token",
            "INPUT_CONFIG": str(temp / "gate.toml"), "INPUT_RESULTS_DIR": str(results), "INPUT_PROFILE": "smoke",
            "INPUT_COOLDOWN": "0s", **{f"INPUT_{key.upper().replace('-', '_')}": value for key, value in inputs.items()}, **dict(env)}
        posted.clear()
        process = subprocess.Popen([binary, "action"], env=settings, cwd=temp, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if interrupt:
            time.sleep(interrupt)
            process.send_signal(signal.SIGINT)
        process.wait(timeout=180)
        text = re.sub(r"^<!-- .*? -->\n", "", posted[-1])
        (folder / f"{name}.md").write_text(text)
        print(f"{name}: exit {process.returncode}, {len(text)} characters", flush=True)


def target(*faults):
    """A served target, its address and its secrets."""
    process = subprocess.Popen([binary, "serve", *[f"--fault={fault}" for fault in faults]], stdout=subprocess.PIPE, text=True)
    env = {}
    for line in process.stdout:
        if match := re.match(r"export (\w+)='?([^'\n]+)'?", line.strip()):
            env[match[1]] = match[2]
        if "STRIPE_WEBHOOK_SECRET" in env and "API_URL" in env and "TEST_API_KEY_1" in env:
            break
    return process, env


embedded = {"environment": "embedded"}
run("pass", embedded)
run("baseline", {**embedded, "baseline": str(folder / "results/pass")})
run("latency", embedded, config='[scenarios.webhook.thresholds]\n"response_time{outcome:accepted}" = ["p(95)<0.05"]\n')
run("interrupted", embedded, interrupt=14)
run("no-keys", {"environment": "staging", "url": "http://127.0.0.1:9", "scenarios": "credential-vending webhook", "no-check": "true"})
run("hostile", {"environment": "staging", "url": serve(Hostile), "scenarios": "webhook"}, {"STRIPE_WEBHOOK_SECRET": "whsec_x1234567"}.items())
process, env = target("onboarding.limiter=leak:0.5")
try:
    run("leak", {"environment": "staging", "url": env["API_URL"]}, {k: v for k, v in env.items() if k != "API_URL"}.items())
finally:
    process.terminate()
