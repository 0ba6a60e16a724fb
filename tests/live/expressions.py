#!/usr/bin/env python3
"""Has every expression of the dashboard and of [resources] parsed by promql-parser.

python3 tests/live/expressions.py     (pip install promql-parser)
"""

import json
import re
import sys
import tomllib
from pathlib import Path

import promql_parser

ROOT = Path(__file__).parents[2]
# As Grafana and load-gate fill them in.
WORDS = {"$__rate_interval": "4s", "$__range": "60s", "$testid": "lg-1|lg-2", "$environment": ".*", "$scenario": ".*",
         "$namespace": "shop", "$pods": "shop-.+"}


def filled(expression):
    for word, instead in WORDS.items():
        expression = expression.replace(word, instead)
    return expression


def dashboard():
    model = json.loads((ROOT / "load_tests/grafana/load-gate.json").read_text())
    for panel in model["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for annotation in model["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
    for variable in model["templating"]["list"]:
        asked = re.fullmatch(r"label_values\((.*), *\w+\)", variable.get("definition", ""))
        if variable["type"] == "query":
            yield variable["name"], asked[1]


def resources():
    queries = tomllib.loads((ROOT / "load_tests/resources.toml").read_text())["resources"]["queries"]
    for name, query in queries.items():
        yield name, query["query"]


def main():
    wrong, parsed = [], 0
    for of in (dashboard, resources):
        for name, expression in of():
            expression = filled(expression)
            try:
                assert "$" not in expression, "a variable that nobody fills in"
                promql_parser.parse(expression)
                parsed += 1
            except (AssertionError, ValueError) as error:
                wrong.append(f"{name}: {error}: {expression}")
    print("\n".join(wrong))
    print(f"{parsed} passed, {len(wrong)} failed")
    sys.exit(bool(wrong) or parsed < 40)


if __name__ == "__main__":
    main()
