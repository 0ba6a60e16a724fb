"""HTTP/2 gone wrong: what is the server's to say is obeyed, what is hostile is bounded."""

import time

import certificates
from harness import Started, config, gate, interrupted, must, row
from http2 import Http2
from hyperframe.frame import ContinuationFrame, GoAwayFrame, PingFrame, RstStreamFrame, SettingsFrame

GROUP = "http2"


def against(server, rate=100, seconds=2.0, **options):
    return gate(config(server.url, rate=rate, seconds=seconds, engine=certificates.trusted()), **options)


def lost(done):
    outcomes = done.outcomes()
    return sum(n for name, n in outcomes.items() if name != "accepted")


@row(GROUP, "a server in good health")
def fair_h2():
    with Http2() as server:
        return against(server).exits(0).reports_parse().counts_equal(server)


@row(GROUP, "GOAWAY after every 20th request, the connection drained and closed: nothing lost")
def goaway_graceful():
    def answer(exchange):
        exchange.good()
        if exchange.number % 20 == 19:
            exchange.frames(GoAwayFrame(0, last_stream_id=exchange.stream, error_code=0))

    with Http2(answer) as server:
        done = against(server).exits(0).reports_parse()
        must(lost(done) == 0, f"lost to GOAWAY: {done.outcomes()}")
        return done


def turned_away(error_code):
    """Every 20th request is left out by a GOAWAY, whose connection is closed."""

    def answer(exchange):
        if exchange.number % 20 == 19:
            server.note("turned away")
            exchange.frames(GoAwayFrame(0, last_stream_id=max(exchange.stream - 2, 0), error_code=error_code))
            raise OSError("closed")
        exchange.good()

    with Http2(answer) as server:
        done = against(server).exits(0).reports_parse()
        must(lost(done) == 0, f"lost to GOAWAY: {done.outcomes()}")
        must(done.requests() == server.received - server.notes["turned away"], "counted twice")
        return done


@row(GROUP, "GOAWAY that says a request was never processed: sent again, counted once")
def goaway_unprocessed():
    return turned_away(error_code=0)


@row(GROUP, "REFUSED_STREAM on every 20th request: sent again")
def refused_stream():
    def answer(exchange):
        if exchange.number % 20 == 19:
            exchange.frames(RstStreamFrame(exchange.stream, error_code=7))
        else:
            exchange.good()

    with Http2(answer) as server:
        done = against(server).exits(0).reports_parse()
        must(lost(done) == 0, f"lost: {done.outcomes()}")
        return done


@row(GROUP, "REFUSED_STREAM on every request: sent once more, not five times")
def refused_always():
    with Http2(lambda exchange: exchange.frames(RstStreamFrame(exchange.stream, error_code=7))) as server:
        done = against(server, rate=20).exits(1).reports_parse().says("REFUSED_STREAM")
        must(server.received == 2 * done.requests(), f"{server.received} for {done.requests()} requests")
        must(server.connections <= 2, f"{server.connections} connections")
        return done


@row(GROUP, "a stream refused in the middle of its answer: begun with, so never sent again")
def refused_midway():
    def answer(exchange):
        if exchange.number % 20 == 19:
            exchange.frames(exchange.head(201), exchange.data(b"{", end=False), RstStreamFrame(exchange.stream, error_code=7))
        else:
            exchange.good()

    with Http2(answer) as server:
        return against(server).exits(0).reports_parse().counts_equal(server)


@row(GROUP, "GOAWAY with an error that leaves every 20th request out: sent again")
def goaway_failing():
    return turned_away(error_code=2)


@row(GROUP, "a stream reset for no reason (NO_ERROR): said in words")
def reset_without_reason():
    with Http2(lambda exchange: exchange.frames(RstStreamFrame(exchange.stream, error_code=0))) as server:
        done = against(server, rate=20).exits(1).reports_parse().counts_equal(server)
        return done.says("reset the stream").never_says("not a result of an error")


@row(GROUP, "closed without GOAWAY while idle, 30 ms before the next request: no request is lost")
def closed_while_idle():
    def answer(exchange):
        exchange.good()
        time.sleep(0.07)
        raise OSError("closed")

    with Http2(answer) as server:
        done = against(server, rate=10, seconds=8.0).exits(0).reports_parse().counts_equal(server)
        must(lost(done) == 0, f"{done.outcomes()}")
        return done


@row(GROUP, "frames without end that answer nothing, SIGINT meanwhile: heard, and what it is")
def endless_frames():
    def answer(exchange):
        exchange.good()
        if exchange.number > 0:
            flood = b"".join(RstStreamFrame(1, error_code=0).serialize() for _ in range(4000))
            until = time.monotonic() + 20
            while time.monotonic() < until:
                exchange.connection.sock.sendall(flood)

    with Http2(answer) as server:
        text = config(server.url, rate=20, seconds=10, engine=certificates.trusted())
        started = Started(text, ["run", "-e", "t", "--no-check"])
        started.until(lambda: server.received > 5)
        done = interrupted(started).exits(3).reports_parse()
        return done.within(cpu=4, mebibytes=100)


@row(GROUP, "a reset stream (INTERNAL_ERROR) on every 20th request: the target's")
def reset_streams():
    def answer(exchange):
        if exchange.number % 20 == 19:
            server.note("reset")
            exchange.frames(RstStreamFrame(exchange.stream, error_code=2))
        else:
            exchange.good()

    with Http2(answer) as server:
        done = against(server).exits(0).reports_parse().counts_equal(server)
        must(done.outcomes()["transport"] == server.notes["reset"], f"{done.outcomes()}")
        return done


def flooded(flood, answered=True):
    """Every 10th request is met with a flood; what it costs is bounded."""

    def answer(exchange):
        if exchange.number % 10 == 9:
            flood(exchange)
        if answered or exchange.number % 10 != 9:
            exchange.good()

    with Http2(answer) as server:
        done = against(server).reports_parse()
        must(done.code in (0, 1), f"exit {done.code}: {done.headline}")
        return done.within(cpu=6, mebibytes=200, seconds=10)


@row(GROUP, "a flood of resets of streams that are over")
def rst_flood():
    return flooded(lambda e: e.frames(*[RstStreamFrame(1, error_code=0) for _ in range(2000)]))


@row(GROUP, "a flood of pings")
def ping_flood():
    return flooded(lambda e: e.frames(*[PingFrame(0, opaque_data=b"12345678") for _ in range(2000)]))


@row(GROUP, "settings that change 2,000 times a request")
def settings_churn():
    change = [SettingsFrame(0, settings={SettingsFrame.HEADER_TABLE_SIZE: n % 4096}) for n in range(2000)]
    return flooded(lambda e: e.frames(*change))


@row(GROUP, "headers that go on for ever (CONTINUATION flood)")
def continuation_flood():
    def flood(exchange):
        head = exchange.head(201)
        head.flags.discard("END_HEADERS")
        more = [ContinuationFrame(exchange.stream, data=b"\x00\x03abc\x7f\x80\x04" + b"x" * 515) for _ in range(5000)]
        exchange.frames(head, *more)

    return flooded(flood, answered=False)


@row(GROUP, "a window that is never opened: requests wait, and time out")
def window_closed():
    with Http2(settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0}) as server:
        done = against(server, rate=50).exits(1).reports_parse()
        must(done.outcomes()["timeout"] == 100, f"{done.outcomes()}")
        return done.within(seconds=10)


@row(GROUP, "one stream at a time: requests wait for each other, none is lost")
def one_stream():
    with Http2(settings={SettingsFrame.MAX_CONCURRENT_STREAMS: 1}) as server:
        done = against(server).exits(0).reports_parse().counts_equal(server)
        must(lost(done) == 0, f"{done.outcomes()}")
        return done


@row(GROUP, "HTTP/1.1 text where frames were agreed")
def not_frames():
    def answer(exchange):
        exchange.connection.sock.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}")
        raise OSError("closed")

    with Http2(answer) as server:
        done = against(server, rate=50).exits(1).reports_parse()
        must(done.outcomes()["accepted"] == 0, f"{done.outcomes()}")
        return done


