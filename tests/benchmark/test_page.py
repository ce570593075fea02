"""docs/performance.md: its marks are there, and what is put between them replaces what was."""

import re
from pathlib import Path

import pytest

from tests.benchmark import measures, page, targets

FIGURES = {"cores": 2, "processor": "a", "python": "3.11"}


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the page alone, and no figures of any run."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "performance.md").write_text(page.PAGE.read_text(encoding="utf-8"))
    monkeypatch.setattr(page, "DOCS", tmp_path)
    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")
    monkeypatch.setattr(measures, "BUILD", tmp_path / "bench")
    return tmp_path


def test_figures_of_a_run_take_the_place_of_the_last_ones_and_the_rest_stays(docs: Path) -> None:
    kills = {"raftctl": [40.0, 50.0], "etcd": [1500.0, 1600.0]}
    document = {
        "machine": FIGURES,
        "rounds": 2,
        "metrics": {targets.KILL: {"raftctl": 45.0, "etcd": 1550.0}},
        "all": {"SIGKILL": kills, "SIGSTOP": kills},
    }
    before = (docs / "performance.md").read_text().split("## Failover")[0]
    for rounds in (2, 3):
        measures.save("failover", {**document, "rounds": rounds})
        page.rewrite()
    after = (docs / "performance.md").read_text()
    assert after.split("## Failover")[0] == before
    assert after.count("rounds of each") == 1
    assert "3 rounds of each" in after
    assert "45 ✓ ≤ 50" in after
    drawn = (docs / "assets" / "bench-failover.svg").read_text()
    assert "raftctl, kill -9" in drawn


def test_growth_has_a_table_and_a_drawing_of_each_part(docs: Path) -> None:
    rows = [{"keys": count, "puts/s": 1000.0, "gets/s": 2000.0} for count in (100, 1000)]
    document = {"machine": FIGURES, "seconds": 4, "rows": {"keys": rows}}
    measures.save("growth", document)
    page.rewrite()
    after = (docs / "performance.md").read_text()
    assert "### By keys" in after
    assert "| 1,000 | 1,000 | 2,000 |" in after
    assert "assets/bench-keys.svg" in after
    assert (docs / "assets" / "bench-keys.svg").is_file()


def test_every_drawing_of_the_page_is_there() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    for name in re.findall(r"assets/bench-[\w-]+\.svg", text):
        assert (page.DOCS / name).is_file(), name
