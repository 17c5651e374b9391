"""The runner itself: case files, names of entities, listed differences, exit codes, and the way over TLS."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from peerserver.conformance.cases import load
from peerserver.conformance.runner import read_differences
from peerserver.conformance.world import World
from peerserver.model.values import Instant, Keyword

ROOT = Path(__file__).resolve().parents[2]
GOOD = """
{:id "tiny/names" :fixture :start
 :steps [{:op :transact :tx-data [{:db/id "b" :x/name "B"} {:db/id "a" :x/name "A" :x/of {:x/name "C"}}]
          :result {:tx-data #{[#case/eid "b" :x/name "B" #case/tx 2 true] [#case/eid "a" :x/name "A" #case/tx 2 true]
                              [#case/eid "a" :x/of #case/eid "~2.1" #case/tx 2 true]
                              [#case/eid "~2.1" :x/name "C" #case/tx 2 true]
                              [#case/tx 2 :db/txInstant #case/inst 2 #case/tx 2 true]}
                   :tempids {"a" #case/eid "a" "b" #case/eid "b"}}}
         {:op :pull :selector [:x/name] :eid #case/eid "a" :result {:x/name "A"}}
         {:op :q :query [:find ?n :where [_ :x/name ?n]] :result #case/bag [["C"] ["A"] ["B"]]}
         {:op :q :query [:find [?n ...] :where [_ :x/name ?n]] :result #case/bag ["C" "A" "B"]}
         {:op :basis-t :result #case/t 2}]}
{:id "tiny/refused" :steps [{:op :transact :tx-data [[:db/add "x" :no/attr 1]]
                             :error {:category :cognitect.anomalies/incorrect :db/error :db.error/not-an-entity}}]}
"""
BAD = '{:id "tiny/wrong" :steps [{:op :basis-t :result #case/t 7}]}'
FIXTURES = """{:start [{:op :transact :tx-data [
  {:db/ident :x/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}
  {:db/ident :x/of :db/valueType :db.type/ref :db/cardinality :db.cardinality/one :db/isComponent true}]}]}"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of cases, as the runner takes it."""
    (tmp_path / "cases").mkdir()
    (tmp_path / "expected").mkdir()
    (tmp_path / "cases" / "fixtures.edn").write_text(FIXTURES)
    (tmp_path / "expected" / "tiny.edn").write_text(GOOD)
    return tmp_path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "peerserver.conformance", *map(str, arguments)], cwd=ROOT, text=True,
                          capture_output=True, timeout=120, check=False)


@pytest.mark.parametrize("options", [(), ("--http",)])
def test_all_pass(folder: Path, options: tuple[str, ...]) -> None:
    """Cases that agree end with 0, through the dispatcher and over TLS with signatures."""
    done = run(folder, *options)
    assert (done.returncode, "2 passed, 0 failed" in done.stdout) == (0, True), done.stdout + done.stderr


def test_a_difference_is_shown_and_counts(folder: Path) -> None:
    """A case that differs is named with what was expected, and the runner ends with 1."""
    (folder / "expected" / "wrong.edn").write_text(BAD)
    done = run(folder)
    assert done.returncode == 1
    assert "tiny/wrong" in done.stdout and "#case/t 7" in done.stdout


def test_single_files(folder: Path) -> None:
    """A path may be one file of recorded cases; its fixtures are beside the folder it lies in."""
    assert [case.id for case in load([folder / "expected" / "tiny.edn"])] == ["tiny/names", "tiny/refused"]


def test_nothing_found_is_no_success(tmp_path: Path) -> None:
    """A folder without recorded cases is an error that says what is missing."""
    done = run(tmp_path)
    assert done.returncode != 0
    assert "expected" in done.stderr


def test_listed_differences() -> None:
    """Rows of a table that begin with a case's id in backticks are differences that are meant."""
    text = "# D\n\n| case | reason |\n|---|---|\n| `find/x` | an accident |\n\n* `code/like` elsewhere counts not\n"
    assert read_differences(text) == {"find/x": "an accident"}


def test_names_of_entities() -> None:
    """Tempids name entities in alphabetical order, a taken name gets a number, the rest is called by transaction."""
    world = World(idents={50: Keyword("db/txInstant"), 72: Keyword("x/a")}, types={72: Keyword("db.type/ref")})
    tx = 13194139534312
    datoms = [(tx, 50, Instant(0), tx, True), (1001, 72, 1003, tx, True), (1002, 72, 1004, tx, True)]
    world.learn(datoms, {"a": 1001, "b": 1001, "c": 1002}, set(), 0)
    assert world.by_name == {"a": 1001, "c": 1002, "~1.1": 1003, "~1.2": 1004}
    world.learn([(tx + 1, 50, Instant(5), tx + 1, True)], {"a": 1005}, set(), 0)
    assert world.by_eid[1005] == "a#2"
