"""Files that lie or never end, secrets that are echoed, guards that are talked round."""

import base64
import json
import os
import struct
import tempfile

from harness import config, gate, must, row, run
from http1 import Server, reply

GROUP = "files"


def measured():
    """An honest run's directory."""
    with Server() as server:
        return gate(config(server.url)).exits(0).reports_parse()


def retold(change):
    """`report` over a suite.json that was changed."""
    done = measured()
    path = done.results() / "suite.json"
    suite = json.loads(path.read_text())
    change(suite)
    path.write_text(json.dumps(suite))
    again = run(None, "report", "results", home=done.home)
    again.kept = done.kept
    return again


@row(GROUP, "a stored verdict that its own recording contradicts")
def forged_verdict():
    def forge(suite):
        suite["verdict"] = "fail"
        suite["headline"] = "fail: forged"
        suite["scenarios"][0]["verdict"]["kind"] = "fail"

    return retold(forge).exits(0).says("stored")


@row(GROUP, "a stored run without scenarios")
def no_scenarios():
    return retold(lambda suite: suite.update(scenarios=[])).exits(3)


@row(GROUP, "a stored run whose counts and histograms contradict each other")
def contradictory():
    def contradict(suite):
        outcomes = suite["scenarios"][0]["recording"]["slices"][""]["outcomes"]
        name = next(name for name, n in outcomes.items() if n)
        outcomes[name] = outcomes[name] * 50

    return retold(contradict).exits(2).says("not a recording")


def overlong(text):
    """The same HDR V2 histogram, its length field (bytes 4 to 7) at nearly 4 GiB."""
    data = base64.b64decode(text)
    return base64.b64encode(data[:4] + struct.pack(">I", 0xFFFFFFF0) + data[8:]).decode()


@row(GROUP, "a histogram of four bytes that claim 4 GB")
def histogram_bomb():
    def bomb(suite):
        text = json.dumps(suite)

        def walk(node):
            if isinstance(node, dict):
                for key, value in node.items():
                    if key == "hdr_v2" and isinstance(value, str):
                        node[key] = overlong(value)
                    else:
                        walk(value)
            elif isinstance(node, list):
                for value in node:
                    walk(value)

        walk(suite)
        must(json.dumps(suite) != text, "no histogram in suite.json")

    done = retold(bomb).exits(2).within(mebibytes=100, seconds=5)
    return done.never_says("panic")


def bloated():
    """What may make a suite.json of some 40 MiB: a name, and a change to an honest one."""
    size = 40 * 2**20

    def first(suite):
        return suite["scenarios"][0]["recording"]

    def many(text, where, key):
        """`where(suite)[key]` becomes as many of `text` as there is room for."""
        item = json.loads(text)

        def change(suite):
            where(suite)[key] = [item] * (size // (len(text) + 1))

        return change

    def ledgers(suite):
        entries = [[n * 1000, 5000, 1, None] for n in range(20_000)]
        ledger = dict(first(suite)["ledgers"][0], entries=entries, admitted=20_000)
        first(suite)["ledgers"] = [ledger] * (size // len(json.dumps(ledger)))

    def slices(suite):
        slice_of_all = first(suite)["slices"][""]
        room = size // len(json.dumps(slice_of_all))
        first(suite)["slices"].update({f"stage:{n}": slice_of_all for n in range(room)})

    def seconds(suite):
        bin_ = first(suite)["timeline"]["bins"][0]
        first(suite)["timeline"]["bins"] = [bin_] * (size // len(json.dumps(bin_)))

    def buckets(suite):
        full = {str(n): 1 for n in range(65_536)}
        for bin_ in first(suite)["timeline"]["bins"]:
            bin_["response"] = full

    def scenarios(suite):
        one = suite["scenarios"][0]
        suite["scenarios"] = [one] * (size // len(json.dumps(one)))

    def headline(suite):
        suite["headline"] = "x" * size

    def unknown(suite):
        suite["more"] = [[]] * (size // 4)

    def settings(suite):
        suite["scenarios"][0]["plan"]["settings"]["x"] = [[]] * (size // 4)

    yield "ledgers", ledgers
    yield "slices", slices
    yield "seconds", seconds
    yield "buckets", buckets
    yield "scenarios", scenarios
    yield "headline", headline
    yield "unknown", unknown
    yield "settings", settings
    yield "notices", many('""', lambda suite: suite, "notices")
    yield "reasons", many('"x"', lambda suite: suite["scenarios"][0]["verdict"], "reasons")
    yield "checks", many('{"name":"","passes":0,"fails":0}', first, "checks")


@row(GROUP, "suite.json of 40 MiB, of eleven kinds: at most four times its size and 64 MiB")
def suite_memory():
    worst = None
    for name, change in bloated():
        done = retold(change)
        size = (done.home / "results" / "suite.json").stat().st_size
        must(done.code in (0, 1, 2, 3), f"{name}: exit {done.code}: {done.said[-500:]}")
        done.never_says("panic|memory allocation")
        most = 4 * size + 64 * 2**20
        must(done.peak <= most, f"{name}: {size >> 20} MiB took {done.peak >> 20} MiB")
        if worst is None or done.peak > worst.peak:
            worst = done
    return worst


@row(GROUP, "a suite.json of 65 MiB")
def suite_too_large():
    done = retold(lambda suite: suite.update(headline="x" * 65 * 2**20))
    return done.exits(2).says("larger than 64 MiB").within(seconds=3, mebibytes=100)


@row(GROUP, "a config from /dev/zero")
def config_zero():
    return run(None, "plan", "-c", "/dev/zero").exits(2).within(seconds=3, mebibytes=100)


@row(GROUP, "a config from a FIFO that nobody writes")
def config_fifo():
    with tempfile.TemporaryDirectory() as home:
        os.mkfifo(f"{home}/fifo")
        done = run(None, "plan", "-c", f"{home}/fifo", end=10).exits(2)
        return done.within(seconds=3)


@row(GROUP, "a config of 50,000 unknown keys")
def config_unknown():
    text = "".join(f"key{n} = {n}\n" for n in range(50_000))
    done = run(text, "plan").exits(2).within(seconds=5, mebibytes=300)
    must(len(done.err) < 200_000, f"{len(done.err)} bytes of diagnostics")
    return done


@row(GROUP, "a config of 2 MiB")
def config_large():
    return run("# " + "x" * 2**21, "plan").exits(2).within(seconds=3)


@row(GROUP, "a plan of 360 million arrivals over as many addresses as they need")
def plan_huge():
    text = config("http://127.0.0.1:9", rate=100_000, seconds=3600, limit='{ limit = 10, window = "60s", scope = "ip" }')
    text = text.replace("[scenarios.onboarding]", '[scenarios.onboarding]\nidentities = "auto"')
    done = run(text, "plan", "-e", "t").within(seconds=2, mebibytes=150)
    must(done.code in (0, 2), f"exit {done.code}: {done.said[-800:]}")
    return done


KEY = "weather/key+with=odd&bytes-0123456789"


def forms(secret):
    """What an echo may make of a secret."""
    raw = secret.encode()
    yield "raw", raw
    yield "json", json.dumps(secret)[1:-1].encode()
    yield "\\u", "".join(f"\\u{ord(c):04x}" for c in secret).encode()
    yield "percent", "".join(f"%{b:02X}" for b in raw).encode()
    yield "percent, lower", "".join(f"%{b:02x}" for b in raw).encode()
    for shift in range(3):
        yield f"base64 + {shift}", base64.b64encode(b"x" * shift + raw + b"yy")
    yield "base64url", base64.urlsafe_b64encode(raw)
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    yield "upper", secret.upper().encode()
    yield "NUL", b"\0".join(bytes([b]) for b in raw)
    yield "zero width", "\u200b".join(secret).encode()
    yield "soft hyphen", "\u00ad".join(secret).encode()
    yield "UTF-16", secret.encode("utf-16-le")
    yield "split by escape", ("\x1b[0m".join([secret[:9], secret[9:]])).encode()


@row(GROUP, "an API key echoed in 17 disguises")
def secret_echoed():
    shapes = list(forms(KEY))

    def echo(request):
        name, shape = shapes[request.number % len(shapes)]
        request.send(reply(400 + request.number % len(shapes), b'{"error":"bad key ' + shape + b'"}'))

    with Server(echo) as server:
        text = config(server.url, rate=40, scenario="credential-vending")
        done = gate(text, env={"TEST_API_KEY_1": KEY}).reports_parse()
        text = b"".join(p.read_bytes() for p in done.results().iterdir() if p.is_file())
        text += done.said.encode()
        clean = text.replace(b"\0", b"").decode("utf-8", "ignore")
        for invisible in "\u200b\u00ad\ufffd":
            clean = clean.replace(invisible, "")
        for name, shape in shapes:
            part = shape.decode("utf-8", "ignore").replace("\0", "").replace("\u200b", "").replace("\u00ad", "")
            inner = part[4:-6] if name.startswith("base64") else part
            must(inner not in clean and inner not in json.dumps(clean), f"the key is shown ({name})")
        must(KEY[:12] not in clean, "the beginning of the key is shown")
        return done


@row(GROUP, "shapes of other people's secrets in an answer")
def shapes_echoed():
    secrets = [
        "sk_live_" + "a1B2" * 6, "rk_live_" + "a1B2" * 6, "sk_test_" + "a1B2" * 6, "whsec_" + "a1B2" * 8,
        "sk-" + "a1B2" * 8, "AKIA" + "ABCD1234EFGH5678", "ghp_" + "a1B2" * 9, "gho_" + "a1B2" * 9,
        "ghs_" + "a1B2" * 129, "github_pat_" + "a1B2" * 15, "rsolv_" + "a1B2" * 10,
    ]

    def tell(request):
        request.send(reply(400 + request.number % 17, secrets[request.number % len(secrets)] + " and Authorization: Bearer abc.def-ghi_0123456789"))

    with Server(tell) as server:
        done = gate(config(server.url)).reports_parse()
        text = done.said + "".join(p.read_text() for p in done.results().iterdir() if p.is_file())
        for secret in secrets:
            must(secret[-16:] not in text, f"shows {secret[:12]}…")
        must("abc.def-ghi_0123456789" not in text, "shows a bearer token")
        return done


@row(GROUP, "a secret given as an argument: refused, and not echoed")
def secret_argument():
    secret = "whsec_" + "a1B2" * 8
    done = run("", "run", "-e", "embedded", f"--webhook-secret={secret}").exits(2)
    return done.never_says(secret)


@row(GROUP, "a config that unprotects production's host")
def unprotected():
    text = '[environments.production]\nurl = "https://api.rsolv.dev"\nprotected = false\n'
    return run(text, "run", "-e", "production", "--no-check").exits(2).says("confirm-production")


@row(GROUP, "production's host under another environment's name")
def other_name():
    text = '[environments.mine]\nurl = "https://API.rsolv.dev.:443/"\n'
    return run(text, "run", "-e", "mine", "--no-check").exits(2).says("confirm-production")
