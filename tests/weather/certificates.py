"""Certificates of every kind, made by the openssl command in a folder of their own."""

import atexit
import shutil
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path

HOME = Path(tempfile.mkdtemp(prefix="weather-tls-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

MAKING = threading.RLock()
"""Rows are played side by side; a certificate is made once."""


def openssl(*args):
    subprocess.run(["openssl", *args], cwd=HOME, check=True, capture_output=True)


def authority(name="ca"):
    """A private CA; its certificate's path."""
    path = HOME / f"{name}.pem"
    with MAKING:
        if path.exists():
            return path
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", f"/CN=weather {name}", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    return path


def leaf(name, san="IP:127.0.0.1", dates=None, ca="ca"):
    """A server's context with a certificate of `ca`; `dates`: not before and not after."""
    with MAKING:
        if not (HOME / f"{name}.pem").exists():
            sign(name, san, dates, ca)
        return context(name)


def sign(name, san, dates, ca):
    authority(ca)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")
    (HOME / f"{name}.ext").write_text(f"subjectAltName={san}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
    if dates is None:
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial",
                "-days", "7", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    else:
        (HOME / "index.txt").write_text("")
        (HOME / "serial").write_text(f"{len(list(HOME.iterdir())):02x}".zfill(4))
        (HOME / "ca.cnf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n"
        )
        openssl("ca", "-batch", "-config", "ca.cnf", "-cert", f"{ca}.pem", "-keyfile", f"{ca}.key", "-in", f"{name}.csr",
                "-extfile", f"{name}.ext", "-startdate", dates[0], "-enddate", dates[1], "-out", f"{name}.pem", "-notext")


def self_signed(name="alone"):
    """A context whose certificate is its own issuer."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7",
            "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    return context(name)


def context(name, alpn=("http/1.1",)):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(HOME / f"{name}.pem", HOME / f"{name}.key")
    made.set_alpn_protocols(list(alpn))
    return made


def trusted(ca="ca"):
    """The `[engine]` line that trusts the private CA."""
    return f'ca_file = "{authority(ca)}"'
