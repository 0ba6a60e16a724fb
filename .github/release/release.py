#!/usr/bin/env python3
"""Publishes a release. Every step looks first whether it is done, so the whole can be run
again after whatever stopped it, by the same workflow run or by another.

    release.py check VERSION           before anything is built: what stands in the way
    release.py take VERSION DIST       what an earlier try has uploaded, into DIST
    release.py publish VERSION DIST    draft, assets, checksums, tag, release, major tag

`--dry-run` asks and tells, and changes nothing. Reads GITHUB_API_URL, GITHUB_REPOSITORY,
GITHUB_SERVER_URL, GH_TOKEN and, where there is one, GITHUB_OUTPUT.

The order: a draft with all assets, then the commit that holds their checksums, then main,
then the tag, then the draft is published, installed as users install it, and only then
does the major tag move. Who pins the tag or its commit pins the very bytes that will run.
"""
import hashlib, json, os, pathlib, re, subprocess, sys, tempfile, time, urllib.error, urllib.request

CHECKSUMS = "action/checksums.txt"
TARGETS = [
    "x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl", "aarch64-unknown-linux-gnu",
    "aarch64-unknown-linux-musl", "x86_64-apple-darwin", "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc.exe",
]
BOT = ("github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com")
TRIES = 4


class Stop(Exception):
    """What stands in the way, in words."""


def say(kind, text):
    print(f"::{kind} title=release::{text}" if os.environ.get("GITHUB_ACTIONS") and kind != "note" else f"{kind}: {text}", flush=True)


class Api:
    def __init__(self, dry):
        self.base = os.environ.get("GITHUB_API_URL", "https://api.github.com")
        self.repository = os.environ["GITHUB_REPOSITORY"]
        self.dry = dry

    def ask(self, method, path, body=None, raw=None, accept="application/vnd.github+json"):
        """The answer's JSON (bytes for other kinds of answer); None for 404."""
        url = path if path.startswith("http") else f"{self.base}/repos/{self.repository}{path}"
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        for attempt in range(1, TRIES + 1):
            request = urllib.request.Request(url, data, method=method)
            request.add_header("accept", accept)
            request.add_header("authorization", f"Bearer {os.environ['GH_TOKEN']}")
            if raw is not None:
                request.add_header("content-type", "application/octet-stream")
            try:
                with urllib.request.urlopen(request, timeout=120) as answer:
                    read = answer.read()
                return json.loads(read or b"null") if "json" in accept else read
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    return None
                passing = error.code >= 500 or error.code == 429
                # What is made anew is looked for by the next run, never repeated blindly.
                if not passing or method == "POST" or attempt == TRIES:
                    told = error.read().decode(errors="replace")[:300]
                    raise Stop(f"{method} {url}: {error.code} {told}") from None
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                if method == "POST" or attempt == TRIES:
                    raise Stop(f"{method} {url}: {error}") from None
            time.sleep(float(os.environ.get("RELEASE_PAUSE", "2")) * attempt)

    def change(self, what, method, path, body=None, raw=None):
        if self.dry:
            say("note", f"would {what}")
            return None
        say("note", what)
        return self.ask(method, path, body, raw)


def git(*arguments, check=True, cwd=None):
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=cwd, timeout=300)
    if check and done.returncode != 0:
        raise Stop(f"git {' '.join(arguments[:3])}: {done.stderr.strip()[:400]}")
    return done.stdout.strip() if done.returncode == 0 else None


def output(name, value):
    if os.environ.get("GITHUB_OUTPUT"):
        with open(os.environ["GITHUB_OUTPUT"], "a") as file:
            file.write(f"{name}={value}\n")


class Release:
    def __init__(self, version, dry):
        if not re.fullmatch(r"\d+\.\d+\.\d+", version):
            raise Stop("write the version as 1.2.3")
        self.version, self.tag, self.major = version, f"v{version}", f"v{version.split('.')[0]}"
        self.branch = f"release/v{version}"
        self.api, self.dry = Api(dry), dry

    # --- what there is already

    def found(self):
        """The release or its draft; a draft is found in the list alone."""
        for page in range(1, 11):
            listed = self.api.ask("GET", f"/releases?per_page=100&page={page}") or []
            for release in listed:
                if release["tag_name"] == self.tag:
                    return release
            if len(listed) < 100:
                return None
        return None

    def remote(self, ref):
        """The commit that `ref` is at on the remote, tags peeled; None: there is none."""
        told = git("ls-remote", "origin", ref, f"{ref}^{{}}") or ""
        lines = [line.split("\t") for line in told.splitlines()]
        peeled = [sha for sha, name in lines if name.endswith("^{}")]
        return (peeled or [sha for sha, _ in lines] or [None])[0]

    def names(self):
        return [f"load-gate-{self.version}-{target}" for target in TARGETS]

    # --- before anything is built

    def check(self):
        cargo = pathlib.Path("Cargo.toml").read_text()
        if f'\nversion = "{self.version}"\n' not in cargo:
            raise Stop(f"Cargo.toml has another version than {self.version}: change it first")
        if f"\n## {self.version} (20" not in pathlib.Path("CHANGELOG.md").read_text():
            raise Stop(f"CHANGELOG.md has no dated section for {self.version}: write it first")
        repository = self.api.ask("GET", "")
        if repository is None:
            raise Stop("the token can't see the repository")
        # Of a private repository GitHub keeps attestations on Enterprise plans alone.
        output("attest", "false" if repository.get("private") else "true")
        if repository.get("private"):
            say("notice", "a private repository: no build provenance is signed; the checksums are what binaries are held to")
        branch = self.api.ask("GET", "/branches/main") or {}
        if branch.get("protected"):
            say("notice", f"main is protected: where the push is refused, the checksums go there by a pull request from {self.branch}")
        immutable = self.api.ask("GET", "/immutable-releases")
        if not (immutable or {}).get("enabled"):
            say("warning", "immutable releases are off: switch them on under Settings, General, Releases")
        release = self.found()
        state = "nothing" if release is None else "a draft" if release["draft"] else "the published release"
        say("note", f"there is {state} of {self.tag}; what is done already is left as it is")
        if self.remote(f"refs/tags/{self.tag}") and release is None:
            say("note", f"{self.tag} is tagged without a release")

    def take(self, dist):
        """Bytes that were uploaded stay: a later build's would have other checksums."""
        release = self.found()
        for asset in (release or {}).get("assets", []):
            if asset["state"] != "uploaded" or asset["name"] == "checksums.txt":
                continue
            bytes_ = self.api.ask("GET", asset["url"], accept="application/octet-stream")
            (dist / asset["name"]).write_bytes(bytes_)
            say("note", f"taken from the draft: {asset['name']}")

    # --- publishing

    def publish(self, dist):
        missing = [name for name in self.names() if not (dist / name).is_file()]
        if missing:
            raise Stop(f"not built: {', '.join(missing)}")
        release = self.found()
        if release is None:
            notes = {"tag_name": self.tag, "name": f"load-gate {self.version}", "draft": True,
                     "generate_release_notes": True, "target_commitish": git("rev-parse", "HEAD")}
            release = self.api.change("make a draft", "POST", "/releases", notes) or {"draft": True, "assets": []}
        lines = self.checksums(dist)
        if release["draft"]:
            self.upload(release, dist)
        commit = self.commit(lines)
        self.to_main(commit, lines)
        self.push_tag(commit)
        if release["draft"]:
            self.api.change(f"publish {self.tag}", "PATCH", f"/releases/{release.get('id')}", {"draft": False})
        else:
            say("note", f"{self.tag} is published already")
        self.try_install()
        self.move_major(commit)
        self.clean_up(lines)

    def checksums(self, dist):
        sums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(dist.iterdir()) if path.name != "checksums.txt"}
        (dist / "checksums.txt").write_text("".join(f"{sum}  {name}\n" for name, sum in sums.items()))
        return [f"{sums[name]}  {name}" for name in self.names()]

    def upload(self, release, dist):
        there = {asset["name"]: asset for asset in release["assets"]}
        for path in sorted(dist.iterdir()):
            asset = there.get(path.name)
            digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
            if asset and asset["state"] == "uploaded" and asset.get("digest") == digest:
                continue
            if asset:
                # Half uploaded, or of a build that this one isn't.
                self.api.change(f"take back {path.name}", "DELETE", f"/releases/assets/{asset['id']}")
            to = release.get("upload_url", "").split("{")[0] + f"?name={path.name}"
            self.api.change(f"upload {path.name}", "POST", to, raw=path.read_bytes())

    def commit(self, lines):
        """The built commit with the checksums on top: made once, kept on a branch."""
        for ref in (f"refs/tags/{self.tag}", f"refs/heads/{self.branch}"):
            commit = self.remote(ref)
            if commit:
                git("fetch", "--quiet", "origin", ref)
                text = git("show", f"{commit}:{CHECKSUMS}")
                if not all(line in text.splitlines() for line in lines):
                    raise Stop(f"{ref} holds other checksums than the assets have: delete that ref, or the draft, and run again")
                say("note", f"the checksums are at {ref} already")
                return commit
        if self.dry:
            say("note", f"would commit the checksums to {self.branch}")
            return git("rev-parse", "HEAD")
        with Worktree("HEAD") as tree:
            commit = tree.add(lines, self.version)
            git("push", "--quiet", "origin", f"{commit}:refs/heads/{self.branch}", cwd=tree.path)
        say("note", f"committed the checksums to {self.branch}")
        return commit

    def to_main(self, commit, lines):
        for _ in range(TRIES):
            git("fetch", "--quiet", "origin", "main")
            if all(line in git("show", f"FETCH_HEAD:{CHECKSUMS}").splitlines() for line in lines):
                say("note", "main has the checksums already")
                return
            if self.dry:
                say("note", "would put the checksums on main")
                return
            base = git("rev-parse", "FETCH_HEAD")
            if git("merge-base", "--is-ancestor", base, commit, check=False) is not None:
                new = commit
                refused = self.push(new, "refs/heads/main")
            else:
                # main went on in the meantime: the checksums alone go on top.
                with Worktree(base) as tree:
                    refused = self.push(tree.add(lines, self.version), "refs/heads/main")
            if refused is None:
                say("note", "main has the checksums")
                return
            if re.search(r"protected branch|GH006|GH013|rule violations", refused):
                self.pull_request()
                return
            say("note", "main moved: once more")
        raise Stop(f"the checksums can't be pushed to main: {refused}")

    @staticmethod
    def push(commit, ref, *flags):
        done = subprocess.run(["git", "push", "--quiet", *flags, "origin", f"{commit}:{ref}"], capture_output=True, text=True, timeout=300)
        return None if done.returncode == 0 else done.stderr.strip()[:400]

    def pull_request(self):
        owner = self.api.repository.split("/")[0]
        if self.api.ask("GET", f"/pulls?state=open&head={owner}:{self.branch}"):
            say("note", "the pull request with the checksums is open already")
            return
        made = self.api.change("open a pull request with the checksums", "POST", "/pulls", {
            "title": f"Checksums of {self.version}", "head": self.branch, "base": "main",
            "body": f"main is protected. `uses: {self.api.repository}/load-gate@main` builds from source until this is merged; {self.tag} has them."})
        say("warning", f"main is protected: merge {(made or {}).get('html_url', 'the pull request')}")

    def push_tag(self, commit):
        there = self.remote(f"refs/tags/{self.tag}")
        if there is not None:
            if there != commit:
                raise Stop(f"{self.tag} is at {there[:12]}, not at {commit[:12]}")
            say("note", f"{self.tag} is there already")
            return
        if self.dry:
            say("note", f"would tag {self.tag}")
            return
        identity = ["-c", f"user.name={BOT[0]}", "-c", f"user.email={BOT[1]}"]
        git(*identity, "tag", "--force", "--annotate", self.tag, "--message", f"load-gate {self.version}", commit)
        git("push", "--quiet", "origin", f"refs/tags/{self.tag}")
        say("note", f"tagged {self.tag}")

    def try_install(self):
        """As a user of the action gets it: by the tag's own checkout."""
        if self.dry:
            say("note", f"would install {self.tag} with its own install.sh")
            return
        with Worktree(self.tag) as tree, tempfile.TemporaryDirectory() as temp:
            told = pathlib.Path(temp) / "output"
            told.touch()
            env = {**os.environ, "ACTION_REF": self.tag, "ACTION_REPOSITORY": self.api.repository,
                   "GITHUB_OUTPUT": str(told), "RUNNER_TOOL_CACHE": temp, "RUNNER_TEMP": temp}
            env.pop("GITHUB_STEP_SUMMARY", None)
            for attempt in range(1, TRIES + 1):
                done = subprocess.run(["bash", f"{tree.path}/action/install.sh"], env=env, timeout=900)
                if done.returncode == 0:
                    break
                time.sleep(float(os.environ.get("RELEASE_PAUSE", "2")) * attempt)
            else:
                raise Stop(f"{self.tag} can't be installed: {self.major} stays where it is")
            bin_ = [line[4:] for line in told.read_text().splitlines() if line.startswith("bin=")][-1]
            version = subprocess.run([bin_, "--version"], capture_output=True, text=True, timeout=60).stdout
            if self.version not in version:
                raise Stop(f"what {self.tag} installs says `{version.strip()}`: {self.major} stays where it is")
        say("note", f"{self.tag} installs and runs")

    def move_major(self, commit):
        tags = git("ls-remote", "--tags", "origin", f"refs/tags/{self.major}.*") or ""
        numbers = re.findall(r"refs/tags/v(\d+)\.(\d+)\.(\d+)$", tags, re.M)
        mine = tuple(map(int, self.version.split(".")))
        if any(tuple(map(int, number)) > mine for number in numbers):
            say("note", f"{self.major} stays: there is a newer release")
            return
        if self.remote(f"refs/tags/{self.major}") == commit:
            say("note", f"{self.major} is there already")
            return
        if self.dry:
            say("note", f"would move {self.major}")
            return
        refused = self.push(commit, f"refs/tags/{self.major}", "--force")
        if refused:
            hint = " (a tag over commits that differ in workflow files needs a token with `workflows: write`: set the secret RELEASE_TOKEN to an App's)" if "workflows" in refused else ""
            raise Stop(f"{self.major} can't be moved: {refused}{hint}")
        say("note", f"moved {self.major}")

    def clean_up(self, lines):
        git("fetch", "--quiet", "origin", "main")
        on_main = all(line in git("show", f"FETCH_HEAD:{CHECKSUMS}").splitlines() for line in lines)
        if on_main and not self.dry and self.remote(f"refs/heads/{self.branch}"):
            git("push", "--quiet", "origin", "--delete", f"refs/heads/{self.branch}")


class Worktree:
    """A checkout of its own, so that the workflow's stays as it was built from."""

    def __init__(self, ref):
        self.folder = tempfile.TemporaryDirectory()
        self.path = f"{self.folder.name}/tree"
        git("worktree", "add", "--quiet", "--detach", self.path, ref)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        git("worktree", "remove", "--force", self.path, check=False)
        self.folder.cleanup()

    def add(self, lines, version):
        """Commits `lines` into the checksums, the newest release first."""
        file = pathlib.Path(self.path) / CHECKSUMS
        old = file.read_text().splitlines()
        comments = [line for line in old if line.startswith("#")]
        rest = [line for line in old if line not in comments and line not in lines]
        file.write_text("\n".join(comments + lines + rest) + "\n")
        identity = ["-c", f"user.name={BOT[0]}", "-c", f"user.email={BOT[1]}"]
        git(*identity, "commit", "--quiet", "--message", f"Checksums of {version}", CHECKSUMS, cwd=self.path)
        return git("rev-parse", "HEAD", cwd=self.path)


def main(arguments):
    dry = "--dry-run" in arguments
    words = [word for word in arguments if word != "--dry-run"]
    match words:
        case ["check", version]:
            Release(version, dry).check()
        case ["take", version, dist]:
            Release(version, dry).take(pathlib.Path(dist))
        case ["publish", version, dist]:
            Release(version, dry).publish(pathlib.Path(dist))
        case _:
            raise Stop(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Stop as stop:
        say("error", str(stop))
        sys.exit(1)
