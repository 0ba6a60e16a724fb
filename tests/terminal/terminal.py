#!/usr/bin/env python3
"""What `run` looks like while it goes: in tmux at 60, 80, 120 and 200 columns and while it is made
narrower and wider, through a pipe, on a dumb terminal, with NO_COLOR and CLICOLOR_FORCE.

    python3 tests/terminal/terminal.py target/debug/load-gate [--update]

Needs tmux. What is seen is held to the captures beside this file, with every figure, bar and
sparkline made alike; what must hold at every moment is asked at every moment.
"""
import argparse, os, pathlib, pty, re, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).parent
SERVER = f"load-gate-{os.getpid()}"
BASE = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[^\[]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
WEBHOOK = ["run", "--env", "embedded", "webhook", "--seed", "7", "--no-check"]
failures = []


def ask(what, holds, found=""):
    if not holds:
        failures.append(what)
        print(f"not so: {what}\n{found}", flush=True)


def alike(text):
    """The same of every run: figures, bars and sparklines say nothing."""
    text = re.sub(r"[▁▂▃▄▅▆▇█]+", "▁", text)
    text = re.sub(r"[━─]+", "━", text)
    text = re.sub(r"\d[\d.,:]*\d|\d", "0", text)
    text = re.sub(r"\b0 (ns|µs|ms|s)\b", "0 ms", text)
    # A column is as wide as its figures.
    text = re.sub(r"(?<=\S) {2,}(?=0)", "  ", text)
    text = re.sub(r"(0(?: ms| %)?) {2,}", r"\1  ", text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"


def held(name, text, update):
    path = HERE / f"{name}.txt"
    if update:
        path.write_text(alike(text))
    kept = path.read_text() if path.exists() else ""
    ask(f"{name} looks as it did", alike(text) == kept, alike(text))


def tmux(*arguments):
    done = subprocess.run(["tmux", "-L", SERVER, "-f", "/dev/null", *arguments], capture_output=True, text=True, env={**BASE, "TERM": "xterm-256color"})
    return done.stdout


def screen(name):
    return [line.rstrip() for line in tmux("capture-pane", "-p", "-t", name).splitlines() if line.strip()]


def view(lines):
    """From the head of the live view on."""
    heads = [i for i, line in enumerate(lines) if re.search(r"stage \d/\d .* left", line)]
    return lines[heads[0]:] if heads else [], len(heads)


def live(binary, folder, width, update, resized=()):
    """Looks twice a second until the run is over."""
    name = f"w{width}" + ("-resized" if resized else "")
    command = " ".join([str(binary), *WEBHOOK, "--results-dir", f"{folder}/{name}", "; echo over; sleep 30"])
    tmux("new-session", "-d", "-s", name, "-x", str(width), "-y", "40", "env", "-u", "GITHUB_ACTIONS", "sh", "-c", command)
    seen, sizes, now = [], list(resized), width
    for _ in range(120):
        time.sleep(0.5)
        lines = screen(name)
        if "over" in lines:
            break
        shown, heads = view(lines)
        if not shown:
            continue
        ask(f"{name}: one view is on the screen", heads == 1, "\n".join(lines))
        ask(f"{name}: it has at most ten lines", len(shown) <= 10, "\n".join(shown))
        if not resized:
            ask(f"{name}: no line is wider than the terminal", all(len(line) <= now for line in shown))
        seen.append(shown)
        if sizes and len(seen) % 4 == 0:
            now = sizes.pop(0)
            tmux("resize-window", "-t", name, "-x", str(now), "-y", "40")
            time.sleep(1.2)
    lines = screen(name)
    ask(f"{name}: it was seen to go", len(seen) > 5, "\n".join(lines))
    ask(f"{name}: nothing of the view is left at the end", view(lines)[1] == 0 and "over" in lines, "\n".join(lines))
    if width in (80, 120) and not resized:
        fullest = max(seen, key=lambda shown: (len(shown), "hold" in shown[0]))
        held(f"live-{width}", "\n".join(fullest), update)
    tmux("kill-session", "-t", name)


def on_a_terminal(binary, folder, env):
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(binary, [str(binary), *WEBHOOK, "--duration-scale", "1.2", "--results-dir", f"{folder}/pty"], {**BASE, **env})
    out = b""
    try:
        while chunk := os.read(fd, 65536):
            out += chunk
    except OSError:
        pass  # Its end.
    os.waitpid(pid, 0)
    return out.decode().replace("\r\n", "\n")


def through_a_pipe(binary, folder, env):
    command = [binary, *WEBHOOK, "--duration-scale", "1.2", "--results-dir", f"{folder}/pipe"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**BASE, **env})
    return done.stdout.decode()


def told(text):
    """From the first request on: what comes before has an address of its own. Where a line is
    folded depends on how long its figures are."""
    text = re.sub(r"^results: .*$", "results: FOLDER", text, flags=re.M)
    return re.sub(r"\n {6,}", " ", text[text.index("webhook: connecting"):])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--update", action="store_true", help="keep what is seen now")
    options = parser.parse_args()
    binary, update = options.binary.resolve(), options.update
    with tempfile.TemporaryDirectory() as folder:
        try:
            for width in (60, 80, 120, 200):
                live(binary, folder, width, update)
            live(binary, folder, 120, update, resized=(70, 140, 60))
        finally:
            tmux("kill-server")
        piped = through_a_pipe(binary, folder, {"TERM": "xterm-256color"})
        ask("a pipe gets no escape", not ESCAPE.search(piped), repr(piped))
        ask("a pipe gets a line every ten seconds", len(re.findall(r"^  webhook  0:10 of", piped, re.M)) == 1, piped)
        held("pipe", told(piped), update)
        dumb = on_a_terminal(binary, folder, {"TERM": "dumb"})
        ask("a dumb terminal gets no escape", not ESCAPE.search(dumb), repr(dumb))
        held("dumb", told(dumb), update)
        none = on_a_terminal(binary, folder, {"TERM": "xterm-256color", "NO_COLOR": "1"})
        ask("NO_COLOR: no colour, but redrawn", not COLOUR.search(none) and ESCAPE.search(none), repr(none))
        forced = through_a_pipe(binary, folder, {"TERM": "xterm-256color", "CLICOLOR_FORCE": "1"})
        ask("CLICOLOR_FORCE: colour through a pipe, and nothing else", COLOUR.search(forced) and not ESCAPE.search(COLOUR.sub("", forced)), repr(forced))
    print(f"{len(failures)} not so")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
