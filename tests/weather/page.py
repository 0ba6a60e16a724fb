"""Writes docs/reliability.md from what was played."""

import datetime
import platform
import subprocess

HEAD = """# Reliability: the verdict in foul weather

What load-gate says when servers, machines and people misbehave. Every row is played by
`python3 tests/weather/run.py` against the real binary; the table is written by it
(`--write docs/reliability.md`), from a run in which every row held. Counts in the reports are
compared with the server's own, reports are parsed, and time and memory are the kernel's account.
"""


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def write(path, played, binary):
    version = subprocess.run([binary, "--version"], capture_output=True, text=True).stdout.strip()
    lines = [HEAD]
    group = None
    for row, done, why in played:
        if row.group != group:
            group = row.group
            lines += [f"\n## {group.capitalize()}\n", "| weather | exit | first line | time | memory |", "| --- | ---: | --- | ---: | ---: |"]
        if why:
            lines.append(f"| {cell(row.story)} | **does not hold** | | | |")
        else:
            headline = done.headline if len(done.headline) <= 110 else done.headline[:109] + "…"
            lines.append(f"| {cell(row.story)} | {done.code} | {cell(headline)} | {done.wall:.1f} s | {done.peak / 2**20:.0f} MiB |")
    held = sum(1 for _, _, why in played if not why)
    today = datetime.datetime.now(datetime.timezone.utc).date()
    lines.append(f"\n{held} of {len(played)} rows hold. Written on {today} by {version} on {platform.system()} {platform.release()}, {platform.machine()}.")
    path.write_text("\n".join(lines) + "\n")
