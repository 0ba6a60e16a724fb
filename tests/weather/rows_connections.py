"""Servers that close and recycle connections: no error that they didn't make."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import certificates
from harness import Started, config, gate, must, row
from http1 import Server, good

GROUP = "connections"


QUIET = '[scenarios.onboarding.thresholds]\n"response_time{outcome:accepted}" = []'
"""For runs of too few samples to judge a quantile by."""


def without_errors(done, server=None):
    done.exits(0).reports_parse()
    outcomes = done.outcomes()
    wrong = {name: n for name, n in outcomes.items() if n and name != "accepted"}
    must(not wrong, f"errors that the server didn't make: {outcomes}\n{done.said[-1500:]}")
    if server is not None:
        done.counts_equal(server)
    return done


@row(GROUP, "closed after every answer, said")
def close_said():
    def last(request):
        good(request, [("Connection", "close")])
        request.close()

    with Server(last) as server:
        return without_errors(gate(config(server.url, rate=100)), server)


@row(GROUP, "closed after every 20th answer on a connection, unsaid")
def close_unsaid():
    def last(request):
        good(request)
        if request.on_connection % 20 == 19:
            request.close()

    with Server(last) as server:
        return without_errors(gate(config(server.url, rate=100)), server)


@row(GROUP, "Keep-Alive: timeout=1 kept to the second, arrivals 1.001 s apart")
def keep_alive_kept():
    def patient(request):
        request.sock.settimeout(1.0)
        good(request, [("Keep-Alive", "timeout=1")])

    with Server(patient) as server:
        return without_errors(gate(config(server.url, rate=0.999, seconds=8, more=QUIET)), server)


@row(GROUP, "idle connections closed after 100 ms, arrivals 100 ms apart, unsaid")
def idle_close():
    def hasty(request):
        request.sock.settimeout(0.1)
        good(request)

    with Server(hasty) as server:
        done = gate(config(server.url, rate=10, seconds=6)).exits(0).reports_parse()
        lost = done.outcomes()["transport"]
        must(lost <= 1, f"{lost} of 60 lost to closing connections: {done.said[-1200:]}")
        return done


@row(GROUP, "closed while the request was on its way: told apart from a reset")
def closed_under_way():
    def gone(request):
        if request.number % 10 == 9:
            request.close()
        good(request)

    with Server(gone) as server:
        done = gate(config(server.url, rate=100)).reports_parse()
        must(done.outcomes()["transport"] == 20 or done.outcomes()["transport"] == 19, f"{done.outcomes()}")
        return done.says("closed")


@row(GROUP, "the server dies in mid-run and returns a second later")
def dies_and_returns():
    first = Server()
    port = first.port
    started = Started(config(first.url, seconds=5), ["run", "-e", "t", "--no-check"])
    started.until(lambda: first.received > 50)
    first.stop()
    time.sleep(1.0)
    with Server(port=port) as second:
        done = started.end().reports_parse()
        must(second.received > 50, "it didn't come back to the server")
        must(done.outcomes()["transport"] > 20, f"{done.outcomes()}")
        must(done.code == 1, f"exit {done.code}")
        return done


@contextmanager
def process(command, port, home):
    """A server program, once it listens; `Wrong` where it isn't installed."""
    must(shutil.which(command[0]), f"{command[0]} is not installed")
    log = open(home / "server.log", "wb")
    child = subprocess.Popen(command, cwd=home, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", port)):
            must(time.monotonic() < end and child.poll() is None, (home / "server.log").read_text())
            time.sleep(0.05)
        yield child
    finally:
        child.terminate()
        child.wait(10)
        log.close()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


NGINX = """
daemon off; worker_processes 2; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  keepalive_requests {requests}; keepalive_timeout {timeout};
  upstream api {{ server 127.0.0.1:{behind}; keepalive 64; }}
  server {{ listen 127.0.0.1:{port} {tls};
    {certificate}
    location / {{ proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
"""


def behind_nginx(requests=100, timeout="1s", http2=False, reload=False, rate=100, seconds=4):
    home = Path(tempfile.mkdtemp(prefix="weather-nginx-"))
    port = free_port()
    with Server() as server:
        certificate = ""
        if http2:
            certificates.leaf("nginx")
            at = certificates.HOME
            certificate = f"ssl_certificate {at}/nginx.pem; ssl_certificate_key {at}/nginx.key;"
        (home / "nginx.conf").write_text(
            NGINX.format(home=home, requests=requests, timeout=timeout, behind=server.port, port=port,
                         tls="ssl http2" if http2 else "", certificate=certificate)
        )
        with process(["nginx", "-p", str(home), "-c", str(home / "nginx.conf")], port, home) as nginx:
            scheme, engine = ("https", certificates.trusted()) if http2 else ("http", "")
            text = config(f"{scheme}://127.0.0.1:{port}", rate=rate, seconds=seconds, engine=engine, more=QUIET)
            started = Started(text, ["run", "-e", "t", "--no-check"])
            if reload:
                started.until(lambda: server.received > rate)
                for _ in range(4):
                    subprocess.run(["kill", "-HUP", str(nginx.pid)], check=True)
                    time.sleep(0.5)
            done = without_errors(started.end(), server)
    shutil.rmtree(home, ignore_errors=True)
    return done


@row(GROUP, "nginx, 100 requests a connection, HTTP/1.1")
def nginx_recycles():
    return behind_nginx(rate=200)


@row(GROUP, "nginx, keepalive_timeout 1s, arrivals a second apart, HTTP/1.1")
def nginx_idle():
    return behind_nginx(requests=1000, rate=1, seconds=8)


@row(GROUP, "nginx reloaded four times in mid-run, HTTP/1.1")
def nginx_reload():
    return behind_nginx(requests=10000, timeout="60s", reload=True)


@row(GROUP, "nginx, 100 requests a connection, HTTP/2")
def nginx_recycles_h2():
    return behind_nginx(http2=True, rate=200)


@row(GROUP, "nginx, keepalive_timeout 1s, arrivals a second apart, HTTP/2")
def nginx_idle_h2():
    return behind_nginx(requests=1000, http2=True, rate=1, seconds=8)


@row(GROUP, "nginx reloaded four times in mid-run, HTTP/2")
def nginx_reload_h2():
    return behind_nginx(requests=10000, timeout="60s", http2=True, reload=True)


NODE = """
require('http').createServer((request, response) => {
  let body = '';
  request.on('data', (part) => { body += part; });
  request.on('end', () => {
    const asked = JSON.parse(body);
    response.writeHead(201, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ customer: { id: 7, name: asked.name, email: asked.email, trial_fixes_limit: 5,
      trial_fixes_used: 0, subscription_type: 'trial' }, api_key: 'rsolv_' + 'k'.repeat(43) }));
  });
}).listen(PORT, '127.0.0.1');
"""


@row(GROUP, "node's keep-alive of 5 s, arrivals 5 s apart", slow=True)
def node_idle():
    home = Path(tempfile.mkdtemp(prefix="weather-node-"))
    port = free_port()
    (home / "server.js").write_text(NODE.replace("PORT", str(port)))
    with process(["node", "server.js"], port, home):
        return without_errors(gate(config(f"http://127.0.0.1:{port}", rate=0.2, seconds=30, more=QUIET)))


UVICORN = """
import json

async def app(scope, receive, send):
    if scope['type'] != 'http':
        return
    body = b''
    while True:
        message = await receive()
        body += message.get('body', b'')
        if not message.get('more_body'):
            break
    asked = json.loads(body)
    answer = {'customer': {'id': 7, 'name': asked['name'], 'email': asked['email'], 'trial_fixes_limit': 5,
              'trial_fixes_used': 0, 'subscription_type': 'trial'}, 'api_key': 'rsolv_' + 'k' * 43}
    await send({'type': 'http.response.start', 'status': 201, 'headers': [(b'content-type', b'application/json')]})
    await send({'type': 'http.response.body', 'body': json.dumps(answer).encode()})
"""


@row(GROUP, "uvicorn, --timeout-keep-alive 1, arrivals a second apart")
def uvicorn_idle():
    home = Path(tempfile.mkdtemp(prefix="weather-uvicorn-"))
    port = free_port()
    (home / "served.py").write_text(UVICORN)
    command = [sys.executable, "-m", "uvicorn", "served:app", "--port", str(port), "--timeout-keep-alive", "1", "--log-level", "warning"]
    with process(command, port, home):
        return without_errors(gate(config(f"http://127.0.0.1:{port}", rate=1, seconds=8, more=QUIET)))
