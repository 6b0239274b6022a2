"""What the console costs: `python -m tests.bench.review`.

Time of its pages and of the same requests to the API, on a PostgreSQL server of its own with many flags, and whether a
query reads many rows without an index. `--flags 1000000` is the size of the goals.

`--plans --flags 100000` prints the plans of queue, search and account page as for ten million flags, and fails where
one reads many rows of a large table without an index (`review_plans.py`).
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from starlette.testclient import TestClient

from connectors.reviewdb.engine import open_engine
from connectors.reviewdb.schema import upgrade
from moderation.review.people import NewPerson, add_person
from moderation.review.serving.app import build_app
from moderation.review.serving.console import Console
from moderation.review.tokens import NewToken, make_token
from moderation.settings.sections import ConsoleSettings
from tests.bench.figures_file import measured_into
from tests.bench.processor import processor
from tests.bench.review_plans import Explained, explained, nodes, printed, raise_density
from tests.bench.review_rows import ON_ONE_ADDRESS, fill
from tests.browser.cast import PLATFORM
from tests.services.postgresql import PostgresServer

REQUESTS = 200
PASSWORD = "a long password for the bench"
MANY_ROWS = 10_000
PLANNED = ("queue page", "three pages", "account page", "search", "next, read")


def measure(flags: int) -> dict[str, Any]:
    """Return the figures."""
    server = PostgresServer()
    try:
        engine = open_engine(server.create_database())
        upgrade(engine)
        began = time.monotonic()
        keys = fill(engine, flags)
        report: dict[str, Any] = {"flags": flags, "accounts": len(keys), "fill_s": round(time.monotonic() - began, 1)}
        report |= {"processor": processor(), "requests_each": REQUESTS}
        report["load_average"] = [round(load, 1) for load in os.getloadavg()[:2]]
        report["ms"], report["full_scans"] = _requests(engine, keys)
        engine.dispose()
        return report
    finally:
        server.close()


def plans(flags: int, rows: int) -> list[Explained]:
    """Return the plans of queue, search and account page for a database that appears to have *rows* flags."""
    server = PostgresServer()
    try:
        engine = open_engine(server.create_database())
        upgrade(engine)
        keys = fill(engine, flags)
        raise_density(engine, rows / flags)
        found: dict[str, dict[str, Any]] = {}
        with _console(engine) as (browser, program), _statements(engine) as statements:
            for name, request in _kinds(browser, program, keys, random.Random(1)).items():
                if name.startswith(PLANNED):
                    statements.clear()
                    request()
                    found[name] = dict(statements)
        report = explained(engine, found)
        engine.dispose()
        return report
    finally:
        server.close()


@contextmanager
def _console(engine: Engine) -> Iterator[tuple[TestClient, dict[str, str]]]:
    """A browser that is signed in, and the headers of a program."""
    console = Console(engine, ConsoleSettings(), PLATFORM)
    add_person(engine, NewPerson("ana", "reviewer", PASSWORD), by="bench", now=console.now())
    token = make_token(engine, NewToken("ana", "bench", ["review"], 1), by="bench", now=console.now())
    headers = {"sec-fetch-site": "same-origin"}
    with TestClient(build_app(console), "http://localhost", follow_redirects=False, headers=headers) as browser:
        assert browser.post("/sign-in", data={"name": "ana", "password": PASSWORD}).status_code == 303
        yield browser, {"authorization": f"Bearer {token}"}


def _requests(engine: Engine, keys: list[str]) -> tuple[dict[str, dict[str, float]], list[str]]:
    rng, found = random.Random(1), {}
    with _console(engine) as (browser, program), _statements(engine) as statements:
        for name, request in _kinds(browser, program, keys, rng).items():
            request()  # without the first compilation of templates and statements
            gc.collect()
            found[name] = _times(request)
        scans = _full_scans(engine, statements)
    return found, scans


def _kinds(
    browser: TestClient, program: dict[str, str], keys: list[str], rng: random.Random
) -> dict[str, Callable[[], Any]]:
    def page(path: str) -> Callable[[], Any]:
        return lambda: _ok(browser.get(path))

    def deep() -> Any:
        cursor = None
        for _ in range(3):
            sent = {"limit": 200} | ({"cursor": cursor} if cursor else {})
            cursor = browser.get("/api/v1/queue", params=sent, headers=program).json()["next_cursor"]

    def decide() -> Any:
        key = browser.post("/api/v1/queue/next", headers=program).json()["key"]
        state = browser.get(f"/api/v1/accounts/{key}", headers=program).json()["account"]["state"]
        sent = {"state": state, "verdict": "confirmed", "ground": "the same text from nine accounts; rule 4"}
        _ok(browser.post(f"/api/v1/accounts/{key}/decisions", json=sent, headers=program))

    return {
        "queue page": page("/queue"),
        "queue page, filtered by risk": page("/queue?min_risk=0.9998"),
        "queue page, filtered by a family that no account has": page("/queue?family=graph"),
        "three pages of 200 by the API": deep,
        "account page": lambda: _ok(browser.get(f"/accounts/{rng.choice(keys)}")),
        "account page of the largest account": page(f"/accounts/{keys[0]}"),
        "account page on an address of many accounts": page(f"/accounts/{keys[ON_ONE_ADDRESS]}"),
        "search for an id": lambda: _ok(browser.get(f"/find?account=account-{rng.randrange(len(keys))}")),
        "search for words of every text": page("/api/v1/search?words=delivery+service"),
        "search for words of no text": page("/api/v1/search?words=delivery+zeppelin"),
        "steering page": page("/steering"),
        "quality page": page("/quality"),
        "next post of the blind queue": page("/blind"),
        "next, read and decide by the API": decide,
    }


def _ok(answer: Any) -> None:
    assert answer.status_code < 400, (answer.status_code, answer.text[:500])


def _times(request: Callable[[], Any]) -> dict[str, float]:
    taken = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        request()
        taken.append(1e3 * (time.perf_counter() - began))
    return {
        "p50": round(statistics.median(taken), 1),
        "p95": round(statistics.quantiles(taken, n=20)[-1], 1),
        "max": round(max(taken), 1),
    }


@contextmanager
def _statements(engine: Engine) -> Iterator[dict[str, Any]]:
    """Collect every different statement with the parameters of its first execution."""
    seen: dict[str, Any] = {}

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if not many and statement.startswith(("SELECT", "UPDATE")):
            seen.setdefault(statement, parameters)

    event.listen(engine, "before_cursor_execute", keep)
    yield seen
    event.remove(engine, "before_cursor_execute", keep)


def _full_scans(engine: Engine, statements: dict[str, Any]) -> list[str]:
    """Return the statements that read many rows of a table one after the other, with their number."""
    found = []
    with engine.connect() as connection:
        for statement, parameters in list(statements.items()):
            explained = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            (plan,) = explained.scalar_one()
            for node in nodes(plan["Plan"]):
                read = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
                if node["Node Type"] == "Seq Scan" and read > MANY_ROWS:
                    found.append(f"{read:,.0f} rows of {node['Relation Name']}: {' '.join(statement.split())[:300]}")
        connection.rollback()
    return found


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.review", description=__doc__)
    parser.add_argument("--flags", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, help="file for the figures, as JSON")
    parser.add_argument("--plans", action="store_true", help="print query plans and fail for a scan of a large table")
    parser.add_argument(
        "--rows", type=int, default=10_000_000, help="flags that the database appears to have, for --plans"
    )
    asked = parser.parse_args()
    if asked.plans:
        return printed(plans(asked.flags, asked.rows), sys.stdout.write)
    report = measured_into(asked.out, lambda: measure(asked.flags))
    write = sys.stdout.write
    write(f"{report['flags']:,} open flags of {report['accounts']:,} accounts, written in {report['fill_s']} s\n")
    write(f"load of the machine in the last 1 and 5 minutes: {report['load_average']}\n")
    for name, times in report["ms"].items():
        write(f"{name:55} p50 {times['p50']:7.1f} ms  p95 {times['p95']:7.1f} ms  max {times['max']:7.1f} ms\n")
    for scan in report["full_scans"]:
        write(f"without an index: {scan}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
