"""Servers that answer badly: what they did is named, and counted as they count it."""

import json
import time

from harness import config, gate, must, row
from http1 import Noting, Server, created, good, reply, slowly

GROUP = "answers"


def mostly(server, count_of, outcome, rate=100, **options):
    """A run that passes its 90 %, with as many `outcome`s as the server made."""
    with server:
        done = gate(config(server.url, rate=rate), **options).exits(0).reports_parse()
        done.counts_equal(server)
        made = server.notes.get(count_of, 0)
        counted = done.outcomes()[outcome]
        must(made > 0, "the server never did it")
        must(counted == made, f"{made} made, {counted} counted as {outcome}: {done.outcomes()}")
        return done


@row(GROUP, "a server in good health")
def fair():
    with Server() as server:
        return gate(config(server.url)).exits(0).reports_parse().counts_equal(server)


@row(GROUP, "1,000 interim answers (103) before one in 33 answers")
def interim_flood():
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"

    def flood(request):
        request.send(hint * 1000)
        good(request)

    done = mostly(Noting(33, flood), "strange", "transport")
    return done.within(cpu=3.0).says("interim")


@row(GROUP, "two interim answers before every answer")
def interim_few():
    def hinted(request):
        request.send(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2)
        good(request)

    with Server(hinted) as server:
        return gate(config(server.url)).exits(0).reports_parse().counts_equal(server)


@row(GROUP, "headers that never end, on one answer in 20")
def endless_headers():
    def endless(request):
        request.send(b"HTTP/1.1 201 Created\r\n")
        for n in range(200_000):
            request.send(b"X-More-%d: %s\r\n" % (n, b"x" * 200))

    return mostly(Noting(20, endless), "strange", "transport").within(mebibytes=150)


@row(GROUP, "a body that drips a byte at a time, on one answer in 20")
def drip():
    def dripping(request):
        request.send(b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(30):
            request.send(b"{")
            time.sleep(0.1)

    return mostly(Noting(20, dripping), "strange", "timeout")


@row(GROUP, "chunk sizes that are no numbers, on one answer in 20")
def chunk_garbage():
    def garbage(request):
        request.send(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")

    return mostly(Noting(20, garbage), "strange", "transport")


@row(GROUP, "a chunk of 2^63 bytes, on one answer in 20")
def chunk_huge():
    def huge(request):
        request.send(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n{")
        request.close()

    return mostly(Noting(20, huge), "strange", "transport").within(mebibytes=150)


@row(GROUP, "a body of 64 MiB, over the cap, on one answer in 50")
def body_over_the_cap():
    def big(request):
        request.send(b"HTTP/1.1 201 Created\r\nContent-Length: 67108864\r\n\r\n")
        for _ in range(64):
            request.send(b" " * 2**20)

    done = mostly(Noting(50, big), "strange", "contract")
    return done.says("body_size").within(mebibytes=150)


@row(GROUP, "a compressed answer that nobody asked for, on one in 20")
def compressed():
    import gzip

    def bomb(request):
        body = gzip.compress(b"0" * 10_000_000)
        request.send(reply(201, body, [("Content-Encoding", "gzip")]))

    return mostly(Noting(20, bomb), "strange", "contract").within(mebibytes=150)


@row(GROUP, "a length longer than the body, then closed, on one answer in 20")
def length_too_long():
    def lie(request):
        request.send(b"HTTP/1.1 201 Created\r\nContent-Length: 5000\r\n\r\n" + created(request).encode())
        request.close()

    return mostly(Noting(20, lie), "strange", "transport")


@row(GROUP, "two lengths that differ, on one answer in 20")
def lengths_differ():
    def lie(request):
        request.send(reply(201, created(request), [("Content-Length", "1")]))
        request.close()

    return mostly(Noting(20, lie), "strange", "transport")


@row(GROUP, "a reset after the request, on one in 20")
def reset():
    done = mostly(Noting(20, lambda request: request.reset()), "strange", "transport")
    return done.says("reset")


@row(GROUP, "a reset in the middle of the body, on one in 20")
def reset_in_the_body():
    def half(request):
        request.send(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{\"customer\":")
        time.sleep(0.02)
        request.reset()

    return mostly(Noting(20, half), "strange", "transport")


@row(GROUP, "no answer at all, on one in 20")
def mute():
    return mostly(Noting(20, lambda request: time.sleep(3)), "strange", "timeout")


@row(GROUP, "text that is no HTTP, on one in 20")
def no_http():
    def ssh(request):
        request.send(b"SSH-2.0-OpenSSH_9.2\r\n")
        request.close()

    return mostly(Noting(20, ssh), "strange", "transport")


def status(code, outcome):
    def odd(request):
        request.send(reply(code, "" if code in (204, 304) else created(request), length=code not in (204, 304)))

    return mostly(Noting(20, odd), "strange", outcome)


@row(GROUP, "200 instead of 201, on one in 20")
def status_200():
    return status(200, "unexpected")


@row(GROUP, "304, on one in 20")
def status_304():
    return status(304, "unexpected")


@row(GROUP, "a redirect, on one in 20: never followed")
def status_302():
    def away(request):
        request.send(reply(302, "{}", [("Location", request.headers["host"] and "/elsewhere")]))

    return mostly(Noting(20, away), "strange", "unexpected")


@row(GROUP, "503, on one in 20")
def status_503():
    return status(503, "server_error")


@row(GROUP, "control characters and markup in the text of a 400, on one in 20")
def control_text():
    text = "\x1b[2J\x1b]0;owned\x07\x00<script>alert(1)</script>]]>::error::x\r\n::stop-commands::y %0A | `x` @all"
    done = mostly(Noting(20, lambda r: r.send(reply(400, text))), "strange", "rejected")
    page = (done.results() / "report.html").read_text()
    must("<script" not in page.lower(), "report.html carries the server's script")
    must(all(ord(c) >= 32 or c in "\n\t" for c in page), "report.html carries control characters")
    return done


@row(GROUP, "JSON 100,000 levels deep, on one in 20")
def deep_json():
    body = "[" * 100_000 + "]" * 100_000
    return mostly(Noting(20, lambda r: r.send(reply(201, body))), "strange", "contract")


@row(GROUP, "duplicate keys, bad then good, on one in 20")
def duplicate_keys():
    def twice(request):
        truth = created(request)[1:]
        request.send(reply(201, '{"customer":{"id":1},' + truth))

    done = mostly(Noting(20, twice), "strange", "contract")
    return done.says("duplicate")


@row(GROUP, "a number of 5,000 digits and a lone surrogate beside the contract: legal JSON")
def odd_json():
    def odd(request):
        truth = created(request)[:-1]
        request.send(reply(201, truth + ', "n": ' + "9" * 5000 + ', "s": "\\ud800"}'))

    with Server(odd) as server:
        return gate(config(server.url)).exits(0).reports_parse().counts_equal(server)


SUCCESS = '{"status":"success"}'


def stray(pause):
    """Every true answer is 500; what nobody asked for follows it."""

    def answer(request):
        request.send(reply(500, '{"error":"down"}'))
        time.sleep(pause)
        request.send(reply(200, SUCCESS))

    with Server(answer) as server:
        text = config(server.url, rate=200, scenario="webhook")
        done = gate(text, env={"STRIPE_WEBHOOK_SECRET": "whsec_weather"}).reports_parse()
        must(done.code in (1, 3), f"exit {done.code}")
        accepted = done.outcomes("webhook")["accepted"]
        must(accepted == 0 or done.code == 3, f"{accepted} accepted by stray answers, exit {done.code}")
        return done.says("unsolicited|unasked|nobody asked")


@row(GROUP, "every answer 500, and a stray 200 right behind each")
def stray_at_once():
    return stray(0)


@row(GROUP, "every answer 500, and a stray 200 two milliseconds later")
def stray_later():
    return stray(0.002)


@row(GROUP, "every answer 500, and a stray 200 twenty milliseconds later")
def stray_much_later():
    return stray(0.02)


class Greeting(Server):
    """Says 200 to everybody who connects, and closes after its true answers."""

    def serve(self, sock):
        if self.connections > 3:
            sock.sendall(reply(200, "{}", [("Connection", "close")]))
        super().serve(sock)


@row(GROUP, "every answer 500 and the last on its connection, a stray 200 ahead of each")
def greeted():
    def true_answer(request):
        time.sleep(0.03)
        request.send(reply(500, "{}", [("Connection", "close")]))
        request.close()

    with Greeting(true_answer) as server:
        env = {"STRIPE_WEBHOOK_SECRET": "whsec_weather"}
        done = gate(config(server.url, scenario="webhook"), env=env).exits(3).reports_parse()
        return done.says("unsolicited bytes")


@row(GROUP, "Date headers that jump by hours")
def clocks_that_jump():
    def jumpy(request):
        day = f"Tue, {1 + request.number % 28:02} Nov 2016 {request.number % 24:02}:00:00 GMT"
        good(request, [("Date", day)])

    with Server(jumpy) as server:
        return gate(config(server.url)).exits(0).reports_parse().counts_equal(server)


@row(GROUP, "Retry-After that is no number, overlong or negative, on every 429 of 10 %")
def retry_after_garbage():
    values = ["-5", "soon", "9" * 400, "Thu, 99 Foo 2026 25:61:61 GMT", "1e9", "\u00e9"]

    def refuse(request):
        value = values[request.number % len(values)]
        head = f"HTTP/1.1 429 No\r\nRetry-After: {value}\r\nContent-Length: 2\r\n\r\n{{}}"
        request.send(head.encode("latin-1"))

    with Noting(10, refuse) as server:
        done = gate(config(server.url)).reports_parse().counts_equal(server)
        must(done.code in (1, 3), f"refusals where no limit is declared, exit {done.code}")
        must(done.outcomes()["rate_limited"] == server.notes["strange"], "429 miscounted")
        return done


@row(GROUP, "every answer is late by more than the threshold")
def slow():
    with Server(slowly(0.3)) as server:
        more = '[scenarios.onboarding.thresholds]\n"response_time{outcome:accepted}" = ["p(95)<200"]'
        done = gate(config(server.url, more=more)).exits(1).reports_parse()
        return done.counts_equal(server).says("p\\(95\\)<200")


@row(GROUP, "one in 20 answers echoes somebody else's e-mail")
def wrong_echo():
    def wrong(request):
        body = json.loads(created(request))
        body["customer"]["email"] = "nobody@loadtest.test"
        request.send(reply(201, json.dumps(body)))

    return mostly(Noting(20, wrong), "strange", "contract")
