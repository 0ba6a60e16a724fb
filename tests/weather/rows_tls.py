"""TLS and names: each trouble has a sentence of its own, with what to do."""

import socket
import ssl
import time

import certificates
from harness import config, gate, must, row, run
from http1 import Server

GROUP = "tls"


def met(context, says, engine=None, url=None, **options):
    """What a run against a server with this certificate says; it is inconclusive."""
    with Server(tls=context) as server:
        text = config(url(server) if url else server.url, engine=certificates.trusted() if engine is None else engine)
        done = gate(text, **options).exits(3).reports_parse()
        must(server.received == 0, f"{server.received} requests came all the same")
        for pattern in says:
            done.says(pattern, where=done.suite["headline"] + done.said)
        return done.within(seconds=15)


@row(GROUP, "a private CA, trusted by ca_file")
def private_ca():
    with Server(tls=certificates.leaf("good")) as server:
        done = gate(config(server.url, engine=certificates.trusted())).exits(0).reports_parse()
        return done.counts_equal(server)


@row(GROUP, "a private CA, trusted by SSL_CERT_FILE")
def private_ca_by_variable():
    with Server(tls=certificates.leaf("good2")) as server:
        env = {"SSL_CERT_FILE": str(certificates.authority())}
        return gate(config(server.url), env=env).exits(0).reports_parse().counts_equal(server)


@row(GROUP, "an issuer that nobody knows")
def unknown_issuer():
    return met(certificates.leaf("other", ca="ca2"), ["issuer", "ca_file", "SSL_CERT_FILE"])


@row(GROUP, "a ca_file that isn't there")
def ca_file_missing():
    done = gate(config("https://127.0.0.1:9", engine='ca_file = "/nowhere/ca.pem"')).exits(2)
    return done.says("/nowhere/ca.pem")


@row(GROUP, "an SSL_CERT_FILE that isn't there")
def variable_missing():
    done = gate(config("https://127.0.0.1:9"), env={"SSL_CERT_FILE": "/nowhere/ca.pem"})
    must(done.code in (2, 3), f"exit {done.code}")
    return done.says("SSL_CERT_FILE").says("/nowhere/ca.pem")


@row(GROUP, "a certificate that has expired")
def expired():
    return met(certificates.leaf("old", dates=("20200101000000Z", "20210101000000Z")), ["expired"])


@row(GROUP, "a certificate that isn't valid yet")
def not_yet():
    return met(certificates.leaf("young", dates=("20400101000000Z", "20410101000000Z")), ["not (yet )?valid (yet|before|until)"])


@row(GROUP, "a certificate for another host")
def wrong_host():
    return met(certificates.leaf("elsewhere", san="DNS:api.elsewhere.test"), ["another host|not valid for|other names|names? "])


@row(GROUP, "a certificate that signed itself")
def self_signed():
    return met(certificates.self_signed(), ["self-signed|signed itself|by itself", "ca_file"]).never_says("CaUsedAsEndEntity")


def wanting(name):
    """A server's context that wants a client certificate; it says so after the handshake of TLS 1.3."""
    context = certificates.leaf(name)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificates.authority())
    return context


@row(GROUP, "a server that wants a client certificate")
def client_certificate():
    return met(wanting("wants"), ["client certificate", "use a URL"])


@row(GROUP, "an SSL_CERT_FILE that is blank: as if it weren't set")
def variable_blank():
    with Server(tls=certificates.leaf("good4")) as server:
        text = config(server.url, engine=certificates.trusted())
        return gate(text, env={"SSL_CERT_FILE": ""}).exits(0).reports_parse().counts_equal(server)


@row(GROUP, "an SSL_CERT_FILE that never ends")
def variable_endless():
    return gate(config("https://127.0.0.1:9"), env={"SSL_CERT_FILE": "/dev/zero"}).exits(2).says("a device")


@row(GROUP, "a handshake that never ends")
def handshake_stalls():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(16)
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    try:
        text = config(url, engine='connect_timeout = "2s"')
        return gate(text).exits(3).reports_parse().says("TLS").within(seconds=8)
    finally:
        listener.close()


@row(GROUP, "plain HTTP behind an https URL")
def plain_on_https():
    with Server() as server:
        url = server.url.replace("http:", "https:")
        return gate(config(url)).exits(3).reports_parse().says("TLS").says("http")


@row(GROUP, "TLS behind an http URL: found before any load is sent")
def tls_on_http():
    with Server(tls=certificates.leaf("good3")) as server:
        url = server.url.replace("https:", "http:")
        done = gate(config(url, seconds=4)).exits(3).reports_parse().says("TLS|https")
        sent = done.requests()
        must(sent <= 2, f"{sent} requests were sent all the same")
        return done.within(seconds=4)


@row(GROUP, "nobody listens")
def refused():
    free = socket.socket()
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    return gate(config(f"http://127.0.0.1:{port}")).exits(3).reports_parse().says("refused").within(seconds=15)


@row(GROUP, "nobody listens on ::1, which is written as people write it")
def refused_v6():
    return gate(config("http://[::1]:9")).exits(3).reports_parse().says("::1").never_says(r"\[0:0|0:0:0:0")


@row(GROUP, "a name that nobody knows")
def unknown_name():
    return gate(config("http://nowhere.invalid")).exits(3).reports_parse().says("nowhere.invalid").within(seconds=15)


@row(GROUP, "a listener whose queue is full")
def full_backlog():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    waiting = []
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))
        waiting.append(one)
    time.sleep(0.2)
    try:
        text = config(f"http://127.0.0.1:{port}", engine='connect_timeout = "2s"')
        return gate(text).exits(3).reports_parse().within(seconds=20)
    finally:
        for one in waiting:
            one.close()
        listener.close()


@row(GROUP, "check says what is wrong with a certificate, too")
def check_expired():
    context = certificates.leaf("old2", dates=("20200101000000Z", "20210101000000Z"))
    with Server(tls=context) as server:
        done = run(config(server.url, engine=certificates.trusted()), "check", "-e", "t")
        must(done.code != 0, "check is content")
        return done.says("expired")


@row(GROUP, "check says of a client certificate that it is wanted, too")
def check_client_certificate():
    with Server(tls=wanting("wants2")) as server:
        done = run(config(server.url, engine=certificates.trusted()), "check", "-e", "t").exits(3)
        return done.says("client certificate").never_says("load balancer")
