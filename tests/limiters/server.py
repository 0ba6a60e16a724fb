"""One server with one limiter of PyPI's: python3 server.py NAME PORT. 20 requests in 10 s."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def plain(port, admits):
    """A server that asks `admits` of each request."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            with lock:
                status = 200 if admits() else 429
            body = b'{"ok": true}' if status == 200 else b'{"error": "Too Many Requests"}'
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    ThreadingHTTPServer.request_queue_size = 1024
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def of_limits(strategy):
    def serve(port):
        import limits

        limiter = getattr(limits.strategies, strategy)(limits.storage.MemoryStorage())
        declared = limits.parse("20 per 10 second")
        plain(port, lambda: limiter.hit(declared, "it"))

    return serve


def pyrate(port):
    from pyrate_limiter import Limiter, Rate

    limiter = Limiter(Rate(20, 10_000))
    plain(port, lambda: bool(limiter.try_acquire("it", blocking=False)))


def slowapi(port):
    import uvicorn
    from fastapi import FastAPI, Request
    from slowapi import Limiter, _rate_limit_exceeded_handler
    from slowapi.errors import RateLimitExceeded
    from slowapi.util import get_remote_address

    limiter = Limiter(key_func=get_remote_address)
    app = FastAPI()
    app.state.limiter = limiter
    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)

    @app.get("/")
    @limiter.limit("20/10 second")
    async def root(request: Request):
        return {"ok": True}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


def of_flask(strategy):
    def serve(port):
        from flask import Flask
        from flask_limiter import Limiter
        from flask_limiter.util import get_remote_address
        from werkzeug.serving import WSGIRequestHandler

        app = Flask("it")
        Limiter(
            get_remote_address,
            app=app,
            default_limits=["20 per 10 second"],
            storage_uri="memory://",
            strategy=strategy,
        )

        @app.get("/")
        def root():
            return {"ok": True}

        WSGIRequestHandler.protocol_version = "HTTP/1.1"
        WSGIRequestHandler.log_request = lambda *_, **__: None
        app.run(host="127.0.0.1", port=port, threaded=True)

    return serve


SERVERS = {
    "limits-fixed": of_limits("FixedWindowRateLimiter"),
    "limits-moving": of_limits("MovingWindowRateLimiter"),
    "limits-counter": of_limits("SlidingWindowCounterRateLimiter"),
    "pyrate-limiter": pyrate,
    "slowapi": slowapi,
    "flask-limiter": of_flask("fixed-window"),
    "flask-limiter-moving": of_flask("moving-window"),
}

if __name__ == "__main__":
    SERVERS[sys.argv[1]](int(sys.argv[2]))
