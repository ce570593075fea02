"""A drawn history in a browser."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.measure.commands import PROJECT, Raftctl

pytestmark = pytest.mark.e2e

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARTEFACT = PROJECT / "build" / "test-artefacts" / "check.png"
LONG = 120
"""Operations before the violation, more than fit into a window."""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
def test_the_violation_is_in_sight_when_the_page_opens(raftctl: Raftctl, tmp_path: Path) -> None:
    lines = []
    for value in range(LONG):
        lines += [
            f'{{"process": 0, "type": "{kind}", "f": "write", "value": {value}}}'
            for kind in ("invoke", "ok")
        ]
    lines += [
        '{"process": 1, "type": "invoke", "f": "read"}',
        '{"process": 1, "type": "ok", "f": "read", "value": 0}',
    ]
    (tmp_path / "h.jsonl").write_text("\n".join(lines), encoding="utf-8")
    page = tmp_path / "page.html"
    raftctl.run("check", str(tmp_path / "h.jsonl"), "--html", str(page), check=False)
    probe = (
        "<script>const box = document.querySelector('svg .culprit').getBoundingClientRect();"
        "document.body.dataset.left = Math.round(box.left);"
        "document.body.dataset.width = innerWidth</script></body>"
    )
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", probe), encoding="utf-8")
    ARTEFACT.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1000,700",
            f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={ARTEFACT}", "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )  # fmt: skip
    found = re.search(r'data-left="(-?\d+)" data-width="(\d+)"', done.stdout)
    assert found is not None, done.stderr[-2000:]
    assert 100 < int(found[1]) < int(found[2])
    assert ARTEFACT.stat().st_size > 5_000
