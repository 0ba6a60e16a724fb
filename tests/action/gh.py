#!/usr/bin/env python3
"""Stands in for GitHub's command line, and is as strict: an unknown command or flag, a
flag without its value and flags that exclude each other are refused as gh refuses them.

`gh api` asks the API at GITHUB_API_URL; what is downloaded comes from the folder GH_STUB:
`releases/OWNER/NAME/` and `artifacts/RUN/NAME/`.
"""
import fnmatch, json, os, pathlib, shutil, sys, urllib.request

# Flags and whether they take a value; pairs that exclude each other.
COMMANDS = {
    ("api",): ({"--method": 1, "-X": 1, "-f": 1, "-F": 1, "-H": 1, "--header": 1, "--jq": 1,
                "--paginate": 0, "--silent": 0, "--input": 1}, []),
    ("release", "download"): ({"--repo": 1, "--pattern": 1, "--output": 1, "--dir": 1,
                               "--clobber": 0, "--skip-existing": 0}, [("--dir", "--output")]),
    ("run", "download"): ({"--repo": 1, "--name": 1, "--dir": 1, "--pattern": 1}, []),
    ("attestation", "verify"): ({"--repo": 1, "--owner": 1, "--signer-workflow": 1, "--help": 0},
                                [("--repo", "--owner")]),
    ("secret", "set"): ({"--repo": 1, "--body": 1, "--env": 1}, []),
}


def refuse(text):
    print(text, file=sys.stderr)
    sys.exit(1)


def parse(arguments):
    for command, (flags, excluding) in COMMANDS.items():
        if tuple(arguments[: len(command)]) == command:
            break
    else:
        refuse(f"unknown command {' '.join(arguments[:2])!r} for \"gh\"")
    given, rest, values = {}, [], iter(arguments[len(command):])
    for word in values:
        if not word.startswith("-") or word == "-":
            rest.append(word)
            continue
        name, equals, value = word.partition("=")
        if name not in flags:
            refuse(f"unknown flag: {name}")
        if not flags[name]:
            value = True
        elif not equals:
            value = next(values, None)
            if value is None:
                refuse(f"flag needs an argument: {name}")
        given.setdefault(name, []).append(value)
    for one, other in excluding:
        if one in given and other in given:
            refuse(f"specify only one of `{one}` or `{other}`")
    return command, given, rest


def one(given, name, default=None):
    return given.get(name, [default])[-1]


def api(given, rest):
    (path,) = rest
    if "GH_TOKEN" not in os.environ:
        refuse("gh: To use GitHub CLI in a GitHub Actions workflow, set the GH_TOKEN environment variable.")
    fields = dict(field.split("=", 1) for name in ("-f", "-F") for field in given.get(name, []))
    method = one(given, "--method") or one(given, "-X") or ("POST" if fields else "GET")
    base = os.environ["GITHUB_API_URL"]
    page = 1
    while True:
        url = f"{base.removesuffix('/v3')}/graphql" if path == "graphql" else f"{base}/{path}"
        if "--paginate" in given:
            url += f"&page={page}"
        request = urllib.request.Request(url, method=method)
        request.add_header("authorization", f"Bearer {os.environ['GH_TOKEN']}")
        body = json.dumps(fields).encode() if fields else None
        try:
            with urllib.request.urlopen(request, body) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError as error:
            refuse(f"gh: {error.reason} (HTTP {error.code})")
        if "--silent" not in given:
            show(told, one(given, "--jq"))
        page += 1
        if "--paginate" not in given or len(told) < 100:
            return


def show(told, query):
    """Understands paths, and the one filter that install.sh asks for."""
    mine = "select(.user.login == env.LOGIN and (.body | startswith(env.MARKER)))"
    if query is None:
        print(json.dumps(told))
    elif query == f".[] | {mine} | .id":
        for entry in told:
            if entry["user"]["login"] == os.environ["LOGIN"] and entry["body"].startswith(os.environ["MARKER"]):
                print(entry["id"])
    else:
        for key in query.strip(".").split("."):
            told = told[key]
        print(told)


def download(source, given, pattern):
    folder = pathlib.Path(one(given, "--dir", "."))
    found = [path for path in sorted(source.glob("*")) if fnmatch.fnmatch(path.name, pattern)]
    if not found:
        refuse("no assets match the file pattern")
    output = one(given, "--output")
    if output and len(found) > 1:
        refuse("unable to write more than one asset with `--output`, got more than one asset")
    folder.mkdir(parents=True, exist_ok=True)
    for path in found:
        shutil.copy(path, output or folder / path.name)


command, given, rest = parse(sys.argv[1:])
stub = pathlib.Path(os.environ.get("GH_STUB", "/nowhere"))
if command == ("api",):
    api(given, rest)
elif command == ("release", "download"):
    download(stub / "releases" / one(given, "--repo"), given, one(given, "--pattern", "*"))
elif command == ("run", "download"):
    download(stub / "artifacts" / rest[0] / one(given, "--name"), given, "*")
elif command == ("attestation", "verify"):
    if "--help" not in given and not ("--repo" in given or "--owner" in given):
        refuse("either --repo or --owner is required")
    if "--help" not in given and not pathlib.Path(rest[0]).is_file():
        refuse(f"failed to open {rest[0]}")
elif command == ("secret", "set"):
    print(f"set {rest[0]}")
