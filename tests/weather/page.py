"""Writes docs/reliability.md from what was played."""

import datetime
import json
import platform
import re
import subprocess
import sys
from pathlib import Path

HEAD = """# Reliability: the verdict in foul weather

What load-gate says when servers, machines and people misbehave. Every row is played by
`python3 tests/weather/run.py` against the real binary; the table is written by it
(`--write docs/reliability.md`), from a run in which every row held. Counts in the reports are
compared with the server's own, reports are parsed, and time and memory are the kernel's account.
"""

KEPT = Path(__file__).parent / "figures"
"""What the scripts found that take an hour: kept by them, shown by this page."""


def stamp(binary):
    version = subprocess.run([binary, "--version"], capture_output=True, text=True).stdout.strip()
    today = datetime.datetime.now(datetime.timezone.utc).date()
    kernel = platform.release().split("-")[0]
    return f"{today} by {version} on {platform.system()} {kernel}, {platform.machine()}"


def keep(name, figures, binary):
    KEPT.mkdir(exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps({"on": stamp(binary), **figures}, indent=2) + "\n")


def keep_targets(seconds, rows, binary, note=""):
    """Of each target the newest figures, so that targets may be fuzzed beside each other."""
    fresh = {row["name"]: row for row in rows}
    old = {row["name"]: row for row in (kept("fuzz") or {"targets": []})["targets"]}
    every = {**old, **fresh}
    keep("fuzz", {"seconds": seconds, "note": note, "targets": [every[name] for name in sorted(every)]}, binary)


def kept(name):
    file = KEPT / f"{name}.json"
    return json.loads(file.read_text()) if file.is_file() else None


def killed(figures):
    ends = figures["ends"]

    def told(how):
        return ", ".join(f"{count} × {end}" for end, count in sorted(ends.get(how, {}).items()))

    return [
        "\n## Killed and cancelled at random moments\n",
        f"`python3 tests/weather/kill.py --times {figures['times']} --seed {figures['seed']}`: a run of three scenarios "
        f"that lasts {figures['lasts']} s, {figures['times']} times killed (SIGKILL) and {figures['times']} times cancelled "
        f"(SIGINT, SIGTERM, SIGHUP, SIGQUIT in turn). Killed, what was on disk: {told('killed')}. Cancelled, how it ended: "
        f"{told('cancelled')}; the slowest end took {figures['slowest_end_s']} s. {figures['wrong']} of "
        f"{2 * figures['times']} left something that must not be. On {figures['on']}.",
    ]


def soaked(figures):
    early, late = figures["memory_mib"]
    memory = f"memory {early} MiB when settled, {late} MiB in the end"
    if own := figures.get("own_mib"):
        memory += f"; of its own, without pages of files, which the system takes back as it likes, {own[0]} and {own[1]} MiB"
    return [
        "\n## An hour\n" if figures["minutes"] >= 60 else f"\n## {figures['minutes']:.0f} minutes\n",
        f"`python3 tests/weather/soak.py --minutes {figures['minutes']:.0f} --rate {figures['rate']:.0f}`, the weather changing every "
        f"minute: {figures['requests']:,} requests reported, {figures['received']:,} came; {memory} "
        f"({figures['memory_drift']:+.1%}); descriptors {figures['descriptors'][0]} and "
        f"{figures['descriptors'][1]}; {figures['cpu_us_a_request']} µs of CPU a request. {figures.get('note', '')} On {figures['on']}.".replace("  ", " "),
    ]


def fuzzed(figures):
    lines = [
        "\n## Fuzzed\n",
        f"`fuzz/run.sh -b -s {figures['seconds']}`, coverage-guided (libFuzzer), overflows and debug assertions checked. "
        f"{figures['note']}On {figures['on']}.\n",
        "| target | inputs tried | seconds | edges covered | found |", "| --- | ---: | ---: | ---: | --- |",
    ]
    for target in figures["targets"]:
        lines.append(f"| {target['name']} | {target['tried']:,} | {target['seconds']} | {target['edges']:,} | {target['found'] or 'nothing'} |")
    return lines


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def write(path, played, binary):
    lines = [HEAD]
    group = None
    for row, done, why in played:
        if row.group != group:
            group = row.group
            lines += [f"\n## {group.capitalize()}\n", "| weather | exit | first line | time | memory |", "| --- | ---: | --- | ---: | ---: |"]
        if why:
            lines.append(f"| {cell(row.story)} | **does not hold** | | | |")
        else:
            # Where the row was played is nobody's affair.
            said = re.sub(r"/tmp/[^/\s]+/", "", done.headline)
            headline = said if len(said) <= 110 else said[:109] + "…"
            lines.append(f"| {cell(row.story)} | {done.code} | {cell(headline)} | {done.wall:.1f} s | {done.peak / 2**20:.0f} MiB |")
    held = sum(1 for _, _, why in played if not why)
    lines.append(f"\n{held} of {len(played)} rows hold. Written on {stamp(binary)}.")
    path.write_text("\n".join(lines + told_of_kept()) + "\n")


def told_of_kept():
    return [line for name, tell in LONG if (figures := kept(name)) for line in tell(figures)]


LONG = (("kill", killed), ("soak", soaked), ("fuzz", fuzzed))
"""What takes long, and how the page tells of it: the page's last parts."""


def rewrite(path):
    """The page with its last parts told anew from what is kept; the played rows stay as they are."""
    page = path.read_text()
    end = re.search(r"^\d+ of \d+ rows hold\. .*$", page, re.MULTILINE).end()
    path.write_text("\n".join([page[:end], *told_of_kept()]) + "\n")


if __name__ == "__main__":
    rewrite(Path(sys.argv[1]))
