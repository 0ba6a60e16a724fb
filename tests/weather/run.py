#!/usr/bin/env python3
"""Plays every row of the weather against load-gate and says which hold.

python3 tests/weather/run.py [--binary FILE] [--only PATTERN] [--slow] [--write docs/reliability.md]
"""

import argparse
import re
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import harness  # noqa: E402
import page  # noqa: E402
import rows_answers  # noqa: E402, F401
import rows_connections  # noqa: E402, F401
import rows_files  # noqa: E402, F401
import rows_http2  # noqa: E402, F401
import rows_machine  # noqa: E402, F401
import rows_tls  # noqa: E402, F401


def play(row):
    """A row's run, or what was wrong."""
    try:
        done = row.play()
        harness.say(f"  holds  {row.group:12} {row.name:28} exit {done.code}  {done.wall:5.1f} s  {done.peak / 2**20:4.0f} MiB  {done.headline[:80]}")
        return row, done, None
    except harness.Wrong as wrong:
        harness.say(f"  WRONG  {row.group:12} {row.name:28} {wrong}")
        return row, None, str(wrong)
    except Exception:
        harness.say(f"  BROKEN {row.group:12} {row.name:28} {traceback.format_exc()}")
        return row, None, traceback.format_exc()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, default=harness.BINARY)
    parser.add_argument("--only", default="", help="rows whose group or name match")
    parser.add_argument("--slow", action="store_true", help="the rows that take minutes, too")
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--write", type=Path, help="writes the page")
    asked = parser.parse_args()
    harness.BINARY = asked.binary
    rows = [r for r in harness.ROWS if re.search(asked.only, f"{r.group} {r.name}")]
    rows = [r for r in rows if asked.slow or not r.slow]
    with ThreadPoolExecutor(asked.at_once) as pool:
        played = list(pool.map(play, rows))
    # Servers written in Python share a core with their neighbours: what doesn't hold beside others is played alone.
    played = [once if once[2] is None or asked.at_once == 1 else play(once[0]) for once in played]
    wrong = [row for row, _, why in played if why]
    if asked.write:
        page.write(asked.write, played, asked.binary)
    print(f"{len(played) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong or not played else 0


if __name__ == "__main__":
    sys.exit(main())
