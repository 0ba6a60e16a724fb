"""A hostile HTTP/2 server: frames by hand (hyperframe), headers by hpack, over TLS."""

import json

import threading

import certificates
from http1 import Server
from hpack import Decoder, Encoder
from hyperframe.frame import (
    DataFrame, Frame, HeadersFrame, PingFrame, SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Exchange:
    """One request on a stream, and the means to answer it with any frame."""

    def __init__(self, connection, stream, headers, body, number):
        self.connection = connection
        self.stream = stream
        self.headers = headers
        self.body = body
        self.number = number

    def frames(self, *frames):
        self.connection.send(*frames)

    def head(self, status, end=False, extra=()):
        block = self.connection.encoder.encode([(":status", str(status)), ("content-type", "application/json"), *extra])
        frame = HeadersFrame(self.stream, data=block)
        frame.flags.add("END_HEADERS")
        if end:
            frame.flags.add("END_STREAM")
        return frame

    def data(self, body, end=True):
        frame = DataFrame(self.stream, data=body)
        if end:
            frame.flags.add("END_STREAM")
        return frame

    def good(self):
        asked = json.loads(self.body)
        customer = {
            "id": 1000 + self.number, "name": asked["name"], "email": asked["email"],
            "trial_fixes_limit": 5, "trial_fixes_used": 0, "subscription_type": "trial",
        }
        body = json.dumps({"customer": customer, "api_key": "rsolv_" + "k" * 43}).encode()
        self.frames(self.head(201), self.data(body))


class Connection:
    """Reads frames until a request is whole, then lets the row answer."""

    def __init__(self, sock, server):
        self.sock = sock
        self.server = server
        self.encoder = Encoder()
        self.decoder = Decoder()
        self.streams = {}
        self.sending = threading.Lock()

    def send(self, *frames):
        with self.sending:
            self.sock.sendall(b"".join(frame.serialize() for frame in frames))

    def exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise OSError("closed")
            data += more
        return data

    def converse(self):
        if self.exactly(len(PREFACE)) != PREFACE:
            return
        self.send(SettingsFrame(0, settings=self.server.settings))
        while True:
            frame, length = Frame.parse_frame_header(memoryview(self.exactly(9)))
            frame.parse_body(memoryview(self.exactly(length)))
            self.take(frame)

    def take(self, frame):
        if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
            self.send(SettingsFrame(0, flags=["ACK"]))
        elif isinstance(frame, PingFrame) and "ACK" not in frame.flags:
            self.send(PingFrame(0, opaque_data=frame.opaque_data, flags=["ACK"]))
        elif isinstance(frame, HeadersFrame):
            self.streams[frame.stream_id] = [dict(self.decoder.decode(bytes(frame.data))), b""]
        elif isinstance(frame, DataFrame):
            self.streams[frame.stream_id][1] += bytes(frame.data)
            if frame.flow_controlled_length:
                opened = [WindowUpdateFrame(n, window_increment=frame.flow_controlled_length) for n in (0, frame.stream_id)]
                self.send(*opened)
        if isinstance(frame, (HeadersFrame, DataFrame)) and "END_STREAM" in frame.flags:
            headers, body = self.streams.pop(frame.stream_id)
            self.server.request(self, frame.stream_id, headers, body)


class Http2(Server):
    """The same server as for HTTP/1.1, speaking the other protocol."""

    def __init__(self, answer=Exchange.good, settings=None):
        self.settings = settings or {SettingsFrame.MAX_CONCURRENT_STREAMS: 100}
        certificates.leaf("h2")
        super().__init__(answer, tls=certificates.context("h2", alpn=("h2",)))

    def converse(self, sock):
        Connection(sock, self).converse()

    def request(self, connection, stream, headers, body):
        with self.lock:
            number = self.received
            self.received += 1
        self.answer(Exchange(connection, stream, headers, body, number))


