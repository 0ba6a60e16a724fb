#!/usr/bin/env python3
"""Runs load-gate against a real Prometheus and a real Pushgateway, and against receivers that misbehave.

python3 tests/live/live.py [--binary FILE]

Needs the programs prometheus and prometheus-pushgateway on the PATH (Debian has both).
"""

import argparse
import gzip
import json
import math
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DASHBOARD = Path(__file__).parents[2] / "load_tests" / "grafana" / "load-gate.json"
RUN = ["run", "onboarding", "-e", "embedded", "--seed", "7"]
PASSED = []


def holds(true, words):
    if not true:
        sys.exit(f"WRONG: {words}")
    PASSED.append(words)
    print(f"  holds  {words}", flush=True)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


class Server:
    """A program that listens on a port of its own, killed in the end."""

    def __init__(self, command, port, ready):
        self.home = tempfile.TemporaryDirectory(prefix="live-")
        self.url = f"http://127.0.0.1:{port}"
        self.child = subprocess.Popen(command, cwd=self.home.name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                urllib.request.urlopen(self.url + ready, timeout=1)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
        sys.exit(f"{command[0]} does not answer")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        self.home.cleanup()


def prometheus(*flags, scrapes=""):
    port = free_port()
    home = tempfile.mkdtemp(prefix="live-prometheus-")
    Path(home, "prometheus.yml").write_text("global: {scrape_interval: 15s}\n" + scrapes)
    return Server(
        ["prometheus", f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data",
         f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver", *flags],
        port, "/-/ready",
    )


class Run:
    """One run of load-gate in a directory of its own."""

    def __init__(self, binary, *args, config="", env=None):
        self.home = tempfile.TemporaryDirectory(prefix="live-run-")
        Path(self.home.name, "load-gate.toml").write_text(config)
        self.began = time.time()
        done = subprocess.run(
            [str(binary), *RUN, "--results-dir", "results", *args],
            cwd=self.home.name, capture_output=True, text=True, timeout=180,
            env={"PATH": "/usr/bin:/bin", "NO_COLOR": "1", **(env or {})},
        )
        self.ended = time.time()
        self.code, self.said = done.returncode, done.stdout + done.stderr
        self.suite = json.loads(Path(self.home.name, "results", "suite.json").read_text())
        self.recording = self.suite["scenarios"][0]["recording"]
        self.total = self.recording["slices"][""]

    def series(self):
        return Path(self.home.name, "results", "metrics.prom").read_text()


def query(server, expression, at):
    found = get(f"{server.url}/api/v1/query?" + urllib.parse.urlencode({"query": expression, "time": at}))
    return found["data"]["result"]


def value(server, expression, at):
    result = query(server, expression, at)
    holds(len(result) == 1, f"{expression} has one answer")
    return float(result[0]["value"][1])


class Service(BaseHTTPRequestHandler):
    """What cAdvisor, kube-state-metrics, node exporter, postgres exporter and PromEx say of a service, in short."""

    def do_GET(self):
        pod, n = 'namespace="shop",pod="shop-1",container="web"', time.time() - self.server.began
        lines = [
            f"container_cpu_usage_seconds_total{{{pod}}} {0.5 * n}", f"container_cpu_cfs_periods_total{{{pod}}} {10 * n}",
            f"container_cpu_cfs_throttled_periods_total{{{pod}}} {n}", f"container_memory_working_set_bytes{{{pod}}} 2e8",
            f'kube_pod_container_resource_limits{{{pod},resource="memory"}} 4e8',
            f"kube_pod_container_status_restarts_total{{{pod}}} 1", f'node_cpu_seconds_total{{mode="idle",cpu="0"}} {0.8 * n}',
            "node_memory_MemAvailable_bytes 6e9", "node_memory_MemTotal_bytes 8e9",
            'pg_stat_database_numbackends{datname="shop"} 12', "pg_settings_max_connections 100",
            'pg_stat_activity_count{datname="shop",state="active"} 4', 'shop_prom_ex_ecto_repo_init_pool_size 10',
        ]
        for bound in (1, 10, "+Inf"):
            lines.append(f'shop_prom_ex_ecto_repo_query_queue_time_milliseconds_bucket{{le="{bound}"}} {20 * n}')
        body = ("\n".join(lines) + "\n").encode()
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def service():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads, server.began = True, time.time()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    scrapes = f"""scrape_configs:
  - job_name: shop
    scrape_interval: 1s
    honor_labels: true
    static_configs: [{{targets: ["127.0.0.1:{server.server_port}"]}}]
"""
    return server, scrapes


def remote_write(binary):
    print("Prometheus, remote write", flush=True)
    serving, scrapes = service()
    with prometheus(scrapes=scrapes) as server:
        url = f"{server.url}/api/v1/write"
        run = Run(binary, "--prometheus-url", url, config=f'[resources]\nurl = "{server.url}"\nsettle = "2s"\n')
        holds(run.code == 0, f"exit 0: {run.said[-400:] if run.code else ''}")
        at = run.ended + 5
        window = f"[{math.ceil(run.ended - run.began) + 30}s]"
        for outcome, n in run.total["outcomes"].items():
            got = value(server, f'max_over_time(loadgate_requests_total{{outcome="{outcome}"}}{window})', at)
            holds(got == n, f"{outcome}: {got:.0f} in Prometheus, {n} in suite.json")
        sent = value(server, f"max_over_time(loadgate_sent_total{window})", at)
        holds(sent == sum(run.recording["requests"].values()), f"{sent:.0f} requests of any kind")
        hits = value(server, f"max_over_time(loadgate_rate_limited_total{window})", at)
        holds(hits == run.total["rate_limit_hits"], f"{hits:.0f} answers with 429")
        count = value(server, f'max_over_time(loadgate_response_time_seconds_count{{outcome="accepted"}}{window})', at)
        holds(count == run.total["outcomes"]["accepted"], f"{count:.0f} response times")
        verdict = value(server, f"max_over_time(loadgate_verdict{window})", at)
        holds(verdict == 1, "the verdict is a series: 1")
        gone = query(server, '{__name__=~"loadgate_.+"}', run.ended + 3)
        holds(gone == [], f"every series is stale in the end: {[g['metric']['__name__'] for g in gone][:5]}")
        asked = query(server, f"loadgate_target_rate{window}", at)[0]["values"]
        asked = [(moment, float(rate)) for moment, rate in asked if rate != "NaN"]
        load = parse(run.recording["started_at"]) + run.recording["load_offset"] / 1e9
        before = [rate for moment, rate in asked if moment < load]
        holds(before and set(before) == {0.0}, f"{len(before)} points before the load ask for nothing")
        over = load + run.recording["duration"] / 1e9
        during = [moment for moment, _ in asked if moment <= over]
        apart = max(later - earlier for earlier, later in zip(during, during[1:]))
        holds(apart < 2, f"points come every second, {apart:.2f} s apart at most")
        holds({rate for moment, rate in asked if moment > over} == {0.0}, "and after the load nothing is asked for")
        middle = (run.began + run.ended) / 2 + 2
        rate = query(server, "sum(rate(loadgate_requests_total[4s]))", middle)
        holds(rate and float(rate[0]["value"][1]) > 0, f"rate() has data on a ten-second run: {rate[0]['value'][1]}")
        dashboard(server, run)


def dashboard(server, run):
    model = json.loads(DASHBOARD.read_text())
    seconds = math.ceil(run.ended - run.began) + 10
    words = {"$__rate_interval": "4s", "$__range": f"{seconds}s", "$testid": ".*", "$environment": ".*", "$scenario": ".*",
             "$namespace": "shop", "$pods": "shop-.+"}

    def asked(expression):
        for word, instead in words.items():
            expression = expression.replace(word, instead)
        query = {"query": expression, "start": run.began, "end": run.ended + 1, "step": 1}
        return get(f"{server.url}/api/v1/query_range?" + urllib.parse.urlencode(query))["data"]["result"]

    queries = [(panel["title"], target["expr"]) for panel in every_panel(model["panels"]) for target in panel.get("targets", [])]
    empty = [(title, expression) for title, expression in queries if not asked(expression)]
    holds(not empty, f"all {len(queries)} queries of the dashboard return data{': ' if empty else ''}{empty or ''}")
    borders = {a["name"]: asked(a["expr"]) for a in model["annotations"]["list"]}
    stages = len(run.recording["stages"])
    found = sum(len(series["values"]) for series in borders["Stages"])
    holds(found == stages + 1, f"{found} annotations at the borders of {stages} stages")
    holds(borders["Verdict"], "and at the verdict")
    variables = [v for v in model["templating"]["list"] if v["type"] == "query"]
    for variable in variables:
        series, label = re.fullmatch(r"label_values\((.*), *(\w+)\)", variable["definition"]).groups()
        holds(any(label in one["metric"] for one in asked(series)), f"the variable {variable['name']} has values")
    known = {one["name"]: one.get("missing") for one in run.recording["resources"]}
    holds(len(known) == 10 and not any(known.values()), f"each built-in query of [resources] finds its series: {', '.join(known)}")


def every_panel(panels):
    for panel in panels:
        yield panel
        yield from every_panel(panel.get("panels", []))


def k6_names(binary):
    print("Prometheus, k6's names", flush=True)
    with prometheus() as server:
        config = '[metrics.prometheus]\nnames = "k6"\n'
        run = Run(binary, "--prometheus-url", f"{server.url}/api/v1/write", config=config)
        holds(run.code == 0, "exit 0")
        at, window = run.ended + 5, f"[{math.ceil(run.ended - run.began) + 30}s]"
        total = value(server, f"sum(max_over_time(k6_http_reqs_total{window}))", at)
        holds(total == sum(run.recording["requests"].values()), f"k6_http_reqs_total is {total:.0f}")
        for name in ("k6_http_req_duration_p95", "k6_http_req_failed_rate", "k6_checks_rate", "k6_vus"):
            holds(query(server, f"max_over_time({name}{window})", at), f"{name} has data")
        accepted = 'k6_http_reqs_total{expected_response="true",status="201",method="POST",name="onboarding"}'
        n = value(server, f"max_over_time({accepted}{window})", at)
        holds(n == run.total["outcomes"]["accepted"], f"{n:.0f} of them are as expected")
        checks = query(server, f"max_over_time(k6_checks_rate{window})", at)
        named = {one["metric"]["check"] for one in checks}
        holds(named == {check["name"] for check in run.recording["checks"]}, f"each of {len(named)} checks has its rate")
        p95 = value(server, f'max_over_time(k6_http_req_duration_p95{{expected_response="true"}}{window})', at)
        holds(p95 < 5, f"its spans are seconds: {p95}")


def native_histograms(binary):
    print("Prometheus, native histograms", flush=True)
    with prometheus("--enable-feature=native-histograms") as server:
        config = "[metrics.prometheus]\nnative_histograms = true\n"
        run = Run(binary, "--prometheus-url", f"{server.url}/api/v1/write", config=config)
        holds(run.code == 0, "exit 0")
        middle = (run.began + run.ended) / 2 + 2
        expression = 'histogram_quantile(0.95, sum(rate(loadgate_response_time_seconds{outcome="accepted"}[5s])))'
        found = query(server, expression, middle)
        holds(found and 0 < float(found[0]["value"][1]) < 1, f"p95 of a native histogram: {found and found[0]['value'][1]}")


def pushgateway(binary):
    print("Pushgateway", flush=True)
    port = free_port()
    command = ["prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{port}"]
    with Server(command, port, "/-/ready") as server:
        for _ in range(2):
            run = Run(binary, "--pushgateway", server.url, "--duration-scale", "0.1")
            holds(run.code in (0, 3) and "could not be published" not in run.said, f"pushed: {run.said[-300:]}")
        groups = get(f"{server.url}/api/v1/metrics")["data"]
        names = sorted(group["labels"]["scenario"] for group in groups)
        holds(names == ["all", "onboarding"], f"the second run replaced the first: groups {names}")
        text = urllib.request.urlopen(f"{server.url}/metrics").read().decode()
        n = run.total["outcomes"]["accepted"]
        found = re.search(r'loadgate_requests_total\{.*outcome="accepted".*\} (\d+)', text)
        holds(found and int(found[1]) == n, f"{n} accepted in the gateway")


class Bad(BaseHTTPRequestHandler):
    """A receiver that answers what its server says, or nothing."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.bodies.append((dict(self.headers), body))
        self.server.misbehave(self)

    def log_message(self, *_):
        pass


def answers(status, headers=(), body=b"no"):
    def misbehave(request):
        request.send_response(status)
        for name, text in headers:
            request.send_header(name, text)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return misbehave


def receiver(misbehave):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bad)
    server.daemon_threads = True
    server.bodies, server.misbehave = [], misbehave
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}/api/v1/write"


def misbehaving(binary):
    print("receivers that misbehave", flush=True)
    once = {"done": False}

    def flaky(request):
        (answers(204) if once["done"] else answers(503))(request)
        once["done"] = True

    rows = [
        ("hangs", lambda request: time.sleep(60), True),
        ("500", answers(500), True),
        ("429 with Retry-After", answers(429, [("Retry-After", "1")]), True),
        ("400", answers(400, body=b"out of order sample"), True),
        ("garbage", lambda request: request.wfile.write(b"\x00\xff" * 100), True),
        ("503 once", flaky, False),
    ]
    plain = Run(binary, "--duration-scale", "0.5")
    for name, misbehave, lost in rows:
        server, url = receiver(misbehave)
        run = Run(binary, "--prometheus-url", url, "--duration-scale", "0.5")
        holds(run.suite["verdict"] == plain.suite["verdict"], f"{name}: the verdict is the same")
        sent, planned = run.recording["generator"]["sent"], run.recording["generator"]["planned"]
        holds(sent == planned, f"{name}: {sent} of {planned} arrivals sent")
        said = "batches of metrics" in run.said
        holds(said == lost, f"{name}: what didn't arrive is {'said' if lost else 'nothing'}")
        holds(run.said.count("batches of metrics") <= 2, f"{name}: said once")
        holds(run.ended - run.began < 60, f"{name}: over after {run.ended - run.began:.0f} s")
        if name == "400":
            n = len(server.bodies)
            holds(n <= 12, f"400 is not retried: {n} requests")
        server.shutdown()


def otlp(binary):
    print("OTLP", flush=True)
    try:
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    except ImportError:
        sys.exit("pip install opentelemetry-proto")
    server, url = receiver(answers(200, body=b""))
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url.removesuffix("/api/v1/write"), "OTEL_SERVICE_NAME": "gate",
        "OTEL_RESOURCE_ATTRIBUTES": "team=payments,tier=a%20b", "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=t%3D1",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }
    run = Run(binary, env=env)
    holds(run.code == 0, "exit 0")
    headers, body = server.bodies[-1]
    holds({k.lower(): v for k, v in headers.items()}["x-tenant"] == "t=1", "headers of the environment are sent")
    message = ExportMetricsServiceRequest.FromString(gzip.decompress(body))
    resource = {a.key: a.value.string_value for a in message.resource_metrics[0].resource.attributes}
    holds(resource == {"team": "payments", "tier": "a b", "service.name": "gate"}, f"resource {resource}")
    metrics = {m.name: m for m in message.resource_metrics[0].scope_metrics[0].metrics}
    for point in metrics["loadgate_requests"].sum.data_points:
        outcome = next(a.value.string_value for a in point.attributes if a.key == "outcome")
        n = run.total["outcomes"][outcome]
        holds(point.as_double == n, f"{outcome}: {point.as_double:.0f} in OTLP")
    times = metrics["loadgate_response_time_seconds"].histogram.data_points
    accepted = next(p for p in times if any(a.value.string_value == "accepted" for a in p.attributes))
    holds(accepted.count == run.total["outcomes"]["accepted"] == sum(accepted.bucket_counts), "histograms add up")
    holds(len(accepted.bucket_counts) == len(accepted.explicit_bounds) + 1, "one bucket more than bounds")
    server.shutdown()


def known(at):
    """The value of the known series at a whole second: a saw of a minute's length."""
    return 0.2 + 0.6 * (at % 60) / 60


def known_prometheus():
    """A Prometheus that knows a series for every second of the next ten minutes."""
    home = tempfile.mkdtemp(prefix="live-known-")
    now = int(time.time())
    lines = [f"known {known(at)!r} {at}" for at in range(now - 60, now + 600)]
    lines += [f'two{{side="{side}"}} 1 {at}' for side in ("left", "right") for at in range(now - 60, now + 600)]
    text = "# TYPE known gauge\n" + "\n".join(line for line in lines if line.startswith("known"))
    text += "\n# TYPE two gauge\n" + "\n".join(line for line in lines if line.startswith("two")) + "\n# EOF\n"
    Path(home, "known.txt").write_text(text)
    subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "known.txt", "data"],
                   cwd=home, check=True, capture_output=True)
    return home


def resources(binary):
    print("the service's own resources", flush=True)
    home = known_prometheus()
    port = free_port()
    Path(home, "prometheus.yml").write_text("global: {scrape_interval: 15s}\n")
    command = ["prometheus", f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data",
               f"--web.listen-address=127.0.0.1:{port}"]
    with Server(command, port, "/-/ready") as server:
        head = f'[resources]\nurl = "{server.url}"\nsettle = "0s"\n'
        off = "".join(f"{name} = false\n" for name in
                      ("cpu", "cpu_throttled", "memory", "memory_of_limit", "restarts", "node_cpu", "node_memory",
                       "db_connections", "db_pool", "db_queue"))

        def run(known, bounds, queries=off):
            return Run(binary, config=f"""{head}
[resources.queries]
{queries}known = {{ query = '{known}', unit = "share" }}
[scenarios.onboarding.thresholds]
"resource{{name:known}}" = {json.dumps(bounds)}
""")

        fine = run("known", ["max<0.9", "avg<0.9", "p(95)<0.9", "min>0.1"])
        holds(fine.code == 0, f"bounds that hold: exit 0 {fine.said[-600:] if fine.code else ''}")
        recording = fine.recording
        began = parse(recording["started_at"]) + recording["load_offset"] / 1e9
        seconds = range(math.ceil(began), math.floor(began + recording["duration"] / 1e9) + 1)
        values = sorted(known(at) for at in seconds)
        observed = {f["threshold"]["expression"]: f["threshold"]["observed"]
                    for f in fine.suite["scenarios"][0]["verdict"]["findings"]
                    if f["threshold"] and f["threshold"]["metric"] == "resource{name:known}"}
        wanted = {"max<0.9": values[-1], "min>0.1": values[0], "avg<0.9": sum(values) / len(values),
                  "p(95)<0.9": values[math.ceil(0.95 * len(values)) - 1]}
        for expression, value in wanted.items():
            holds(abs(observed[expression] - value) < 1e-12, f"{expression}: {observed[expression]} of {len(values)} values")
        page = Path(fine.home.name, "results", "report.html").read_text()
        holds("onboarding-resource-known" in page, "the page draws it")

        over = run("known", ["max<0.1"])
        holds(over.code == 1 and "resource{name:known}" in over.suite["headline"], f"over: {over.suite['headline']}")
        for name, query, why in [
            ("absent", "nobody_knows_this", "finds nothing"),
            ("ambiguous", "two", "gives 2 series"),
            ("wrong", "sum(", "refused"),
        ]:
            lost = run(query, ["max<0.9"])
            holds(lost.code == 3 and why in lost.suite["headline"], f"{name}: {lost.suite['headline']}")
            advice = "asks every query of [resources]" in " ".join(lost.said.split())
            holds(advice and "send for longer" not in lost.said, f"{name}: and what to do about it is said")
        usual = run("known", ["max<0.9"], queries="")
        asked = [r["query"] for r in usual.recording["resources"]]
        for query in asked:
            get(f"{server.url}/api/v1/format_query?" + urllib.parse.urlencode({"query": query}))
        holds(len(asked) == 11, f"{len(asked)} queries are PromQL")
        holds(usual.code == 0 and "resources that aren't known: cpu" in usual.said, "built-in queries that find nothing are said")
    gone = run("known", ["max<0.9"])
    holds(gone.code == 3 and "can't be asked" in gone.suite["headline"], f"unreachable: {gone.suite['headline']}")
    credentials(binary, home)
    shutil.rmtree(home)


# bcrypt of "open sesame".
SESAME = "$2b$10$XKvZZBNC1VMV5uPzqPvqFOE4e.bTJ0ZsQV1W7uLsiVYQ4PWXs/Sfi"


def credentials(binary, home):
    """The same Prometheus behind a password, for `run` and for `check`."""
    port, target = free_port(), free_port()
    Path(home, "web.yml").write_text(f"basic_auth_users: {{gate: '{SESAME}'}}\n")
    command = ["prometheus", f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data",
               f"--web.listen-address=127.0.0.1:{port}", f"--web.config.file={home}/web.yml"]
    names = {"LOAD_GATE_RESOURCES_USERNAME": "gate", "LOAD_GATE_RESOURCES_PASSWORD": "open sesame",
             "LOAD_GATE_RESOURCES_URL": f"http://127.0.0.1:{port}"}
    wrong = {**names, "LOAD_GATE_RESOURCES_PASSWORD": "open barley"}
    config = """[resources]
settle = "0s"
[resources.queries]
known = "known"
[scenarios.onboarding.thresholds]
"resource{name:known}" = ["max<0.9"]
"""
    with Server(command, port, "/-/ready"):
        run = Run(binary, config=config, env=names)
        holds(run.code == 0, f"user and password of the environment: exit 0 {run.said[-600:] if run.code else ''}")
        run = Run(binary, config=config, env=wrong)
        holds(run.code == 3 and "HTTP 401" in run.suite["headline"], f"a wrong one: {run.suite['headline']}")
        holds("barley" not in run.said and "barley" not in json.dumps(run.suite), "and nowhere is it to be read")
        with Server([str(binary), "serve", "--port", str(target)], target, "/api/v1/health"):
            for env, word in ((names, "1 of 11 queries"), (wrong, "HTTP 401")):
                done = subprocess.run([str(binary), "check", "--url", f"http://127.0.0.1:{target}"], cwd=run.home.name,
                                      capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "NO_COLOR": "1", **env})
                line = next(line for line in done.stdout.splitlines() if line.split()[1:2] == ["resources"])
                holds(word in line, f"check: {line.strip()}")


class Traced(BaseHTTPRequestHandler):
    """A target that keeps each request's trace context; one answer is slow, one is a failure."""

    def do_GET(self):
        n = len(self.server.seen)
        self.server.seen.append(self.headers.get("traceparent"))
        if self.path != "/api/v1/thing":
            n = -1
        if n == 40:
            time.sleep(0.5)
        self.send_response(500 if n == 60 else 200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def traces(binary):
    print("trace contexts", flush=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Traced)
    server.daemon_threads, server.seen = True, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = """[engine]
traceparent = %s
[environments.here]
url = "http://127.0.0.1:%d"
[scenarios.thing]
path = "/api/v1/thing"
writes = false
[scenarios.thing.profiles]
full = [{ duration = "0s", target = 20 }, { duration = "6s", target = 20 }]
[scenarios.thing.thresholds]
success_rate = ["rate>0.5"]
"""
    home = tempfile.mkdtemp(prefix="live-traces-")
    for traced in ("true", "false"):
        server.seen.clear()
        Path(home, "load-gate.toml").write_text(config % (traced, server.server_port))
        done = subprocess.run([str(binary), "run", "thing", "-e", "here", "--no-check", "--seed", "7", "--results-dir", "results"],
                              cwd=home, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "NO_COLOR": "1"})
        suite = json.loads(Path(home, "results", "suite.json").read_text())
        if traced == "false":
            holds(set(server.seen) == {None}, "nobody asks: no request carries a trace context")
            continue
        shape = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01")
        holds(all(one and shape.fullmatch(one) for one in server.seen), f"{len(server.seen)} requests carry one {done.stderr[-300:]}")
        holds(len(set(server.seen)) == len(server.seen), "each its own")
        recording = suite["scenarios"][0]["recording"]
        slow, failed = (server.seen[n].split("-")[1] for n in (40, 60))
        holds(recording["slowest"][0]["trace"] == slow, f"the slowest is found: {slow}")
        holds(recording["excerpts"][0]["trace"] == failed, f"and the first failure: {failed}")
        for name in ("report.html", "summary.md", "baseline.md"):
            page = Path(home, "results", name).read_text()
            holds(slow in page and failed in page, f"{name} names both")
    server.shutdown()
    shutil.rmtree(home)


def parse(moment):
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def check(binary):
    print("check", flush=True)
    target = free_port()

    class Guarded(Bad):
        def do_GET(self):
            self.server.misbehave(self)

    def misbehave(request):
        known = request.headers.get("authorization") == "Bearer sesame" or request.headers.get("x-key") == "sesame"
        answers(200 if known else 401, body=b"")(request)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    server.daemon_threads, server.bodies, server.misbehave = True, [], misbehave
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    env = {"PATH": "/usr/bin:/bin", "NO_COLOR": "1", "LOAD_GATE_PROMETHEUS_URL": url, "LOAD_GATE_PUSHGATEWAY": url,
           "OTEL_EXPORTER_OTLP_ENDPOINT": url}
    known = {"LOAD_GATE_PROMETHEUS_TOKEN": "sesame", "LOAD_GATE_PUSHGATEWAY_TOKEN": "sesame",
             "OTEL_EXPORTER_OTLP_HEADERS": "x-key=sesame"}
    with Server([str(binary), "serve", "--port", str(target)], target, "/api/v1/health"):
        for word, more in (("ok", known), ("warn", {})):
            done = subprocess.run([str(binary), "check", "--json", "--url", f"http://127.0.0.1:{target}"],
                                  capture_output=True, text=True, env={**env, **more}, cwd="/")
            lines = {line["name"]: line for line in json.loads(done.stdout)["lines"]}
            for name in ("remote write", "OTLP", "Pushgateway"):
                line = lines[name]
                holds(line["state"] == word and ("401" in line["found"]) == (word == "warn"), f"{name}: {line['found']}")
    server.shutdown()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, default=Path("target/release/load-gate"))
    parser.add_argument("--only", default="", help="parts whose name matches")
    asked = parser.parse_args()
    for program in ("prometheus", "prometheus-pushgateway"):
        if not shutil.which(program):
            sys.exit(f"{program} is not installed")
    binary = asked.binary.resolve()
    parts = (remote_write, k6_names, native_histograms, pushgateway, misbehaving, otlp, resources, traces, check)
    for part in (part for part in parts if re.search(asked.only, part.__name__)):
        part(binary)
    print(f"{len(PASSED)} passed, 0 failed")


if __name__ == "__main__":
    main()
