#!/usr/bin/env python3
"""Has many shards of a run of ten minutes merged, and asks for time and memory.

    cargo build --release --bin load-gate --example shards
    python3 tests/machines/many.py target/release/load-gate target/release/examples/shards

The example records four machines of the run, at 1,000 arrivals a second each; the others are their
copies under numbers, keys and clocks of their own (half of them up to a tenth of a second off).
1,000 shards have to be merged within 10 s and 300 MB; what 100 of them take is shown beside it,
since memory mustn't grow with their number. The whole has to be the whole: every shard is there,
every arrival counted, and it passes.
"""
import argparse, json, os, pathlib, re, subprocess, sys, tempfile, time

# Each machine: a minute up to 1,000 a second, nine minutes of that.
ARRIVALS = 1_000 * (60 // 2 + 540)

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("binary")
parser.add_argument("shards")
parser.add_argument("--folder", help="where the shards are written (some GB)")
options = parser.parse_args()


def write(folder, count):
    """The shards of a run of so many machines, and their bytes."""
    subprocess.run([options.shards, folder, str(count)], check=True, stdout=subprocess.DEVNULL)
    recorded = {int(own.name): (own / "suite.json").read_text() for own in folder.iterdir()}
    size = 0
    for index in range(1, count + 1):
        of = (index - 1) % len(recorded) + 1
        text, skew = recorded[of], index % 2 * (index % 11) / 100
        for old, new in [
            (f'"index":{of},"of":{count}', f'"index":{index},"of":{count}'),
            (f'"rows":[{{"shard":{of},', f'"rows":[{{"shard":{index},'),
            (f'"label":"key {of}"', f'"label":"key {index}"'),
            (f'"identity":{of - 1},"label"', f'"identity":{index - 1},"label"'),
            ('"clock_skew":null', f'"clock_skew":{skew}'),
            ('"clock_offset":null', f'"clock_offset":{skew}'),
        ]:
            assert old in text, old
            text = text.replace(old, new)
        size += len(text)
        (folder / str(index)).mkdir(exist_ok=True)
        (folder / str(index) / "suite.json").write_text(text)
    return size


def merge(folder, into):
    """Wall seconds, CPU seconds, the most memory in MB."""
    started = time.monotonic()
    with open(into.with_suffix(".log"), "w+") as log:
        process = subprocess.Popen([options.binary, "merge", folder, "--results-dir", into], stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        if process.returncode != 0:
            sys.exit(f"merge: exit code {process.returncode}\n{log.read()}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
    scratch = pathlib.Path(scratch)
    print("| shards | their files | merged in | CPU | memory at most | the whole's suite.json |\n| ---: | ---: | ---: | ---: | ---: | ---: |")
    for count in (100, 1000):
        folder, whole = scratch / str(count), scratch / f"whole-{count}"
        folder.mkdir()
        size = write(folder, count)
        wall, cpu, memory = merge(folder, whole)
        text = (whole / "suite.json").read_text()
        (scenario,) = json.loads(text)["scenarios"]
        generator, rows = scenario["recording"]["generator"], scenario["recording"]["shards"]["rows"]
        assert generator["sent"] == count * ARRIVALS and len(rows) == count, generator
        print(f"| {count:,} | {size / 1e6:,.0f} MB | {wall:.1f} s | {cpu:.1f} s | {memory:.0f} MB | {len(text) / 1e6:.1f} MB |", flush=True)
    if wall > 10 or memory > 300:
        sys.exit("over 10 s or 300 MB")
