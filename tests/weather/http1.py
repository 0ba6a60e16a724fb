"""A hostile HTTP/1.1 server on raw sockets: what it answers, and how, is the row's to say."""

import json
import socket
import ssl
import struct
import threading
import time


class Request:
    """One request as it came, and where to answer it."""

    def __init__(self, sock, method, path, headers, body, number, on_connection):
        self.sock = sock
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.number = number
        """How many requests of the load came before it, over all connections."""
        self.on_connection = on_connection
        """How many requests came before it on this connection."""

    def send(self, data):
        self.sock.sendall(data)

    def reset(self):
        """Closes with a reset instead of an end of file."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def close(self):
        raise Gone


class Gone(Exception):
    """This connection is over."""


def reply(status, body=b"", headers=(), reason="Whatever", length=True):
    """The bytes of an answer."""
    if isinstance(body, str):
        body = body.encode()
    lines = [f"HTTP/1.1 {status} {reason}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def created(request, **more):
    """What a good onboarding answer says (docs/api.md)."""
    asked = json.loads(request.body)
    customer = {
        "id": 1000 + request.number,
        "name": asked["name"],
        "email": asked["email"],
        "trial_fixes_limit": 5,
        "trial_fixes_used": 0,
        "subscription_type": "trial",
    }
    return json.dumps({"customer": customer, "api_key": "rsolv_" + "k" * 43, **more})


def good(request, headers=()):
    """Answers as an API in good health does."""
    request.send(reply(201, created(request), headers))


class Server:
    """Listens on a port of its own; counts what it received before it answers."""

    def __init__(self, answer=good, tls=None, backlog=128, accepting=True, port=0):
        self.answer = answer
        self.tls = tls
        self.lock = threading.Lock()
        self.received = 0
        self.connections = 0
        self.notes = {}
        """Whatever a row wants counted, by name."""
        self.open = set()
        self.stopped = False
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(backlog)
        self.port = self.listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        if accepting:
            threading.Thread(target=self.accept, daemon=True).start()

    def note(self, name, n=1):
        with self.lock:
            self.notes[name] = self.notes.get(name, 0) + n

    def accept(self):
        while not self.stopped:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.add(sock)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        raw = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            self.converse(sock)
        except (Gone, OSError, ssl.SSLError, ValueError):
            pass
        finally:
            with self.lock:
                self.open.discard(raw)
            try:
                sock.close()
            except OSError:
                pass

    def converse(self, sock):
        pending = b""
        count = 0
        while not self.stopped:
            while b"\r\n\r\n" not in pending:
                more = sock.recv(65536)
                if not more:
                    return
                pending += more
            head, pending = pending.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            method, path, _ = lines[0].split(" ", 2)
            headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
            length = int(headers.get("content-length", 0))
            while len(pending) < length:
                more = sock.recv(65536)
                if not more:
                    return
                pending += more
            body, pending = pending[:length], pending[length:]
            if method == "GET":
                sock.sendall(reply(200, '{"status":"healthy","services":{}}'))
                continue
            with self.lock:
                number = self.received
                self.received += 1
            self.answer(Request(sock, method, path, headers, body, number, count))
            count += 1

    def stop(self):
        """Stops listening and resets what is open, as a process that dies does."""
        self.stopped = True
        for sock in [self.listener, *list(self.open)]:
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            try:
                sock.close()
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def slowly(seconds, answer=good):
    """An answer that takes its time."""

    def late(request):
        time.sleep(seconds)
        answer(request)

    return late


def every(n, strange, otherwise=good):
    """Every n-th request is answered strangely, the first never."""
    return lambda request: (strange if request.number % n == n - 1 else otherwise)(request)


class Noting(Server):
    """Answers every n-th request strangely, and counts those as `strange`."""

    def __init__(self, n, strange, **options):
        def counted(request):
            self.note("strange")
            strange(request)

        super().__init__(every(n, counted), **options)
