#!/usr/bin/env python3
"""Rehearses a release against a bare repository and a GitHub API of its own: once without
trouble, then stopped at every single change, and run again each time. The end has to be the
same. Also: a main that moved, one that is protected, a release older than the newest, a
private repository, an asset uploaded by half, and a dry run that changes nothing.
"""
import hashlib, http.server, json, os, pathlib, re, shutil, subprocess, sys, tempfile, threading, urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / ".github/release/release.py"
sys.path.insert(0, str(SCRIPT.parent))
from release import TARGETS  # noqa: E402

BINARY = "#!/bin/sh\necho load-gate %s\n"
passed = failed = 0


def hold(what, holds, found=""):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print(f"not so: {what} {found}"[:1500])


class GitHub:
    """Releases, assets and pull requests of o/load-gate; a change can fail, before or after it is made."""

    def __init__(self, private=False, protected=False):
        self.releases, self.pulls, self.changes = [], [], 0
        self.private, self.protected = private, protected
        self.fail_at, self.lose_answer = None, False
        handler = type("Handler", (Handler,), {"github": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def state(self):
        return [{"tag": r["tag_name"], "draft": r["draft"],
                 "assets": sorted((a["name"], a["digest"], a["state"]) for a in r["assets"])} for r in self.releases]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, status, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        path = urllib.parse.urlparse(self.path).path
        if path.startswith("/o/load-gate/releases/download/"):
            tag, name = path.split("/")[-2:]
            for release in self.github.releases:
                if release["tag_name"] == tag and not release["draft"]:
                    for asset in release["assets"]:
                        if asset["name"] == name:
                            return self.reply(200, asset["bytes"], "application/octet-stream")
            return self.reply(404, {})
        assert self.headers["authorization"] == "Bearer ghs_token"
        shown = lambda r: {**r, "assets": [{k: v for k, v in a.items() if k != "bytes"} for a in r["assets"]]}
        if path == "/repos/o/load-gate":
            return self.reply(200, {"private": self.github.private})
        if path == "/repos/o/load-gate/branches/main":
            return self.reply(200, {"protected": self.github.protected})
        if path == "/repos/o/load-gate/immutable-releases":
            return self.reply(200, {"enabled": True})
        if path == "/repos/o/load-gate/releases":
            return self.reply(200, [shown(r) for r in self.github.releases])
        if path == "/repos/o/load-gate/pulls":
            return self.reply(200, self.github.pulls)
        if match := re.fullmatch(r"/repos/o/load-gate/releases/assets/(\d+)", path):
            for release in self.github.releases:
                for asset in release["assets"]:
                    if asset["id"] == int(match[1]):
                        return self.reply(200, asset["bytes"], "application/octet-stream")
        self.reply(404, {})

    def change(self):
        assert self.headers["authorization"] == "Bearer ghs_token"
        github, url = self.github, urllib.parse.urlparse(self.path)
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        github.changes += 1
        due = github.changes == github.fail_at
        if due and not github.lose_answer:
            # As a process that was ended, or a bad minute longer than any patience.
            github.fail_at = None if self.command == "POST" else github.fail_at + 1
            return self.reply(502, {"message": "Bad Gateway"})
        answer = self.made(url, raw)
        if due:
            github.fail_at = None
            return self.reply(502, {"message": "Bad Gateway"})
        self.reply(*answer)

    do_POST = do_PATCH = do_DELETE = change

    def made(self, url, raw):
        github = self.github
        if url.path == "/repos/o/load-gate/releases":
            new = {**json.loads(raw), "id": 1 + len(github.releases), "assets": [],
                   "upload_url": f"{github.url}/upload/{1 + len(github.releases)}{{?name,label}}"}
            if any(r["tag_name"] == new["tag_name"] and not r["draft"] for r in github.releases):
                return 422, {"message": "already_exists"}
            github.releases.append(new)
            return 201, new
        if match := re.fullmatch(r"/upload/(\d+)", url.path):
            name = urllib.parse.parse_qs(url.query)["name"][0]
            release = github.releases[int(match[1]) - 1]
            if not release["draft"] or any(a["name"] == name for a in release["assets"]):
                return 422, {"message": "already_exists"}
            ident = 100 * release["id"] + len(release["assets"]) + 1 + github.changes * 1000
            release["assets"].append({
                "id": ident, "name": name, "state": "uploaded", "bytes": raw,
                "digest": "sha256:" + hashlib.sha256(raw).hexdigest(),
                "url": f"{github.url}/repos/o/load-gate/releases/assets/{ident}"})
            return 201, {}
        if match := re.fullmatch(r"/repos/o/load-gate/releases/assets/(\d+)", url.path):
            for release in github.releases:
                release["assets"] = [a for a in release["assets"] if a["id"] != int(match[1])]
            return 200, {}
        if match := re.fullmatch(r"/repos/o/load-gate/releases/(\d+)", url.path):
            github.releases[int(match[1]) - 1].update(json.loads(raw))
            return 200, {}
        if url.path == "/repos/o/load-gate/pulls":
            github.pulls.append({**json.loads(raw), "html_url": "https://github.com/o/load-gate/pull/1"})
            return 201, github.pulls[-1]
        return 404, {}


def sh(*command, cwd=None):
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


HOOK = """#!/bin/sh
# Counts pushes; refuses the one that is due, and main where it is protected.
cd "%(dir)s" || exit 1
count=$(($(cat pushes 2>/dev/null || echo 0) + 1)); echo $count >pushes
[ "$(cat refuse 2>/dev/null)" != $count ] || { echo "a bad minute" >&2; exit 1; }
while read -r old new ref; do
  if [ "$ref" = refs/heads/main ] && [ -e protected ]; then
    echo "GH006: Protected branch update failed" >&2; exit 1
  fi
done
"""


class Stage:
    """A repository with a bare remote, and a build of one version."""

    def __init__(self, version="1.2.3", **github):
        self.folder = tempfile.TemporaryDirectory()
        self.dir, self.version = pathlib.Path(self.folder.name), version
        self.github = GitHub(**github)
        self.bare, self.work = self.dir / "bare.git", self.dir / "work"
        sh("git", "init", "-q", "--bare", "-b", "main", str(self.bare))
        sh("git", "init", "-q", "-b", "main", str(self.work))
        sh("git", "-C", str(self.work), "remote", "add", "origin", str(self.bare))
        sh("git", "-C", str(self.work), "config", "user.name", "ann")
        sh("git", "-C", str(self.work), "config", "user.email", "ann@example.org")
        (self.work / "action").mkdir()
        shutil.copy(ROOT / "action/install.sh", self.work / "action")
        (self.work / "action/checksums.txt").write_text("# newest first\n")
        self.prepare(version)
        sh("git", "push", "-q", "origin", "main", cwd=self.work)
        hook = self.bare / "hooks/pre-receive"
        hook.write_text(HOOK % {"dir": self.bare})
        hook.chmod(0o755)
        if self.github.protected:
            (self.bare / "protected").touch()

    def prepare(self, version):
        self.version = version
        (self.work / "Cargo.toml").write_text(f'[package]\nversion = "{version}"\n')
        (self.work / "CHANGELOG.md").write_text(f"# Changelog\n\n## {version} (2026-11-28)\n")
        sh("git", "add", "-A", cwd=self.work)
        sh("git", "commit", "-qm", f"Version {version}", cwd=self.work)

    def build(self, salt=""):
        """Every build has other bytes."""
        dist = self.dir / "dist"
        shutil.rmtree(dist, ignore_errors=True)
        dist.mkdir()
        for target in TARGETS:
            (dist / f"load-gate-{self.version}-{target}").write_text(BINARY % self.version + f"# {target} {salt}\n")
        (dist / f"load-gate-{self.version}.cdx.json").write_text("{}")
        return dist

    def run(self, *arguments):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.dir), "GH_TOKEN": "ghs_token", "RELEASE_PAUSE": "0",
               "GITHUB_API_URL": self.github.url, "GITHUB_SERVER_URL": self.github.url,
               "GITHUB_REPOSITORY": "o/load-gate", "GITHUB_OUTPUT": str(self.dir / "output"),
               "RUNNER_OS": "Linux", "RUNNER_ARCH": "X64"}
        done = subprocess.run([sys.executable, str(SCRIPT), *arguments], cwd=self.work, env=env,
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def release(self, salt="", *flags):
        """What the workflow does: check, take, publish; stops at the first failure."""
        dist = self.build(salt)
        told = ""
        for words in (["check", self.version], ["take", self.version, str(dist)], ["publish", self.version, str(dist)]):
            code, said = self.run(*words, *flags)
            told += said
            if code != 0:
                return code, told
        return 0, told

    def refs(self):
        listed = sh("git", "for-each-ref", "--format=%(refname) %(*objectname)%(objectname)", cwd=self.bare)
        return dict(line.split(" ") for line in listed.splitlines())

    def commit(self, ref):
        return sh("git", "rev-parse", f"{ref}^{{commit}}", cwd=self.bare)

    def checksums(self, ref):
        return sh("git", "show", f"{ref}:action/checksums.txt", cwd=self.bare).splitlines()

    def is_whole(self, what):
        """Published, with checksums that are those of the assets, at the tag and on main, and v1 moved."""
        tag, major = f"v{self.version}", f"v{self.version.split('.')[0]}"
        (release,) = [r for r in self.github.releases if r["tag_name"] == tag and not r["draft"]] or [None]
        hold(f"{what}: published", release is not None)
        if release is None:
            return
        hold(f"{what}: once", sum(r["tag_name"] == tag for r in self.github.releases) == 1)
        sums = {a["name"]: a["digest"][7:] for a in release["assets"] if a["state"] == "uploaded"}
        names = [f"load-gate-{self.version}-{target}" for target in TARGETS]
        wanted = [f"{sums.get(name)}  {name}" for name in names]
        hold(f"{what}: all assets", set(sums) == {*names, f"load-gate-{self.version}.cdx.json", "checksums.txt"}, sorted(sums))
        hold(f"{what}: checksums at the tag", [l for l in self.checksums(tag) if self.version in l] == wanted)
        if not self.github.protected:
            hold(f"{what}: checksums on main", [l for l in self.checksums("main") if self.version in l] == wanted)
            hold(f"{what}: no branch is left", f"refs/heads/release/{tag}" not in self.refs())
        hold(f"{what}: {major} moved", self.commit(major) == self.commit(tag))


def smooth():
    stage = Stage()
    code, told = stage.release()
    hold("a smooth release", code == 0, told)
    stage.is_whole("a smooth release")
    before = (stage.refs(), stage.github.state(), stage.github.changes)
    code, told = stage.release("another build")
    hold("run again, nothing is left to do", code == 0 and before == (stage.refs(), stage.github.state(), stage.github.changes), told)
    pushes = int((stage.bare / "pushes").read_text())
    return stage.github.changes, pushes


def stopped_at_every_change(changes, pushes):
    for at in range(1, changes + 1):
        for lose in (False, True):
            stage = Stage()
            stage.github.fail_at, stage.github.lose_answer = at, lose
            stage.release("first")
            stage.github.fail_at = None
            for _ in range(2):
                code, told = stage.release("second")
                if code == 0:
                    break
            what = f"stopped at change {at}, {'made but not told' if lose else 'not made'}"
            hold(what, code == 0, told)
            stage.is_whole(what)
    for at in range(1, pushes + 1):
        stage = Stage()
        (stage.bare / "refuse").write_text(str(at))
        code, told = stage.release("first")
        if code != 0:
            code, told = stage.release("second")
        hold(f"stopped at push {at}", code == 0, told)
        stage.is_whole(f"stopped at push {at}")


def main_moved():
    stage = Stage()
    built = sh("git", "rev-parse", "HEAD", cwd=stage.work)
    (stage.work / "later.txt").write_text("later\n")
    sh("git", "add", "-A", cwd=stage.work)
    sh("git", "commit", "-qm", "Later", cwd=stage.work)
    sh("git", "push", "-q", "origin", "main", cwd=stage.work)
    sh("git", "checkout", "-q", built, cwd=stage.work)
    code, told = stage.release()
    hold("main moved", code == 0, told)
    stage.is_whole("main moved")
    hold("what was built is tagged", sh("git", "rev-parse", "v1.2.3^", cwd=stage.bare) == built)
    hold("later work stays", "later.txt" in sh("git", "ls-tree", "--name-only", "main", cwd=stage.bare))


def protected():
    stage = Stage(protected=True)
    for _ in range(2):
        code, told = stage.release()
        hold("a protected main", code == 0, told)
    stage.is_whole("a protected main")
    hold("one pull request", len(stage.github.pulls) == 1 and stage.github.pulls[0]["head"] == "release/v1.2.3")


def private_and_older():
    stage = Stage(private=True)
    code, told = stage.run("check", "1.2.3")
    hold("a private repository is told before anything is built", code == 0 and "no build provenance" in told, told)
    hold("and nothing is attested", "attest=false" in (stage.dir / "output").read_text())
    stage.release()
    stage.prepare("1.3.0")
    sh("git", "pull", "-q", "--rebase", "origin", "main", cwd=stage.work)
    (stage.bare / "pushes").unlink()
    sh("git", "push", "-q", "origin", "main", cwd=stage.work)
    code, told = stage.release()
    hold("the next release", code == 0, told)
    stage.is_whole("the next release")
    newest = stage.commit("v1")
    sh("git", "checkout", "-q", "v1.2.3^", cwd=stage.work)
    stage.version = "1.2.3"
    code, told = stage.release("again")
    hold("an older release run again doesn't move v1 back", code == 0 and stage.commit("v1") == newest, told)


def half_an_asset():
    stage = Stage()
    stage.github.fail_at, stage.github.lose_answer = 4, True
    stage.release("first")
    (draft,) = stage.github.releases
    draft["assets"][0].update(state="starter", bytes=b"", digest=None)
    kept = draft["assets"][1]["digest"]
    code, told = stage.release("second")
    hold("half an asset", code == 0, told)
    stage.is_whole("half an asset")
    hold("what was uploaded whole stays", kept in [a["digest"] for a in stage.github.releases[0]["assets"]])


def dry_run():
    stage = Stage()
    before = stage.refs()
    code, told = stage.release("", "--dry-run")
    hold("a dry run tells", code == 0 and all(f"would {what}" in told for what in ("make a draft", "upload", "commit", "tag", "publish", "move v1")), told)
    hold("a dry run changes nothing", stage.refs() == before and stage.github.changes == 0 and not stage.github.releases)
    for wrong, reason in (("1.2", "write the version"), ("1.2.4", "Cargo.toml has another")):
        code, told = stage.run("check", wrong)
        hold(f"{wrong} is refused", code == 1 and reason in told, told)


smooth_changes = smooth()
stopped_at_every_change(*smooth_changes)
main_moved()
protected()
private_and_older()
half_an_asset()
dry_run()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
