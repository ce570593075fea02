"""PySyncObj, asked as the others are: puts alone, since it has no linearizable reads."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from raftctl.cluster.ports import any_ports
from tests.benchmark.measures import BUILD, KEYS, NODES, VALUE_BYTES, Figures, Round, Step

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
VENV = BUILD / "pysyncobj-venv"
PYTHON = VENV / "bin" / "python"


class PySyncObjSystem:
    """The leader asks itself: no client is between, and nothing is on a disk when it counts."""

    name = "PySyncObj"

    def version(self) -> str:
        return REQUIREMENTS.read_text().split()[0].split("==")[1]

    def missing(self) -> str:
        """Installs it, where it is not."""
        if self._is_installed():
            return ""
        print("installing PySyncObj in an environment of its own", flush=True)
        for python, *arguments in (
            (sys.executable, "venv", "--clear", str(VENV)),
            (str(PYTHON), "pip", "-q", "install", "--require-hashes", "-r", str(REQUIREMENTS)),
        ):
            done = subprocess.run([python, "-m", *arguments], capture_output=True, text=True)
            if done.returncode:
                return f"PySyncObj cannot be installed: {done.stderr.strip().splitlines()[-1]}"
        return ""

    def _is_installed(self) -> bool:
        if not PYTHON.is_file():
            return False
        return (
            subprocess.run([PYTHON, "-c", "import pysyncobj"], capture_output=True).returncode == 0
        )

    def steps(self, steps: Sequence[Step]) -> list[Step]:
        return [step for step in steps if step.kind == "put"]

    def round(self, work: Path, steps: Sequence[Step]) -> Round:
        ports = ",".join(map(str, any_ports(NODES)))
        asked = ",".join(f"{step.inflight}:{step.seconds}" for step in steps)
        done = subprocess.run(
            [PYTHON, HERE / "nodes.py", ports, asked, str(VALUE_BYTES), str(KEYS)],
            stdout=subprocess.PIPE,
            check=True,
            cwd=work,
        )
        found = json.loads(done.stdout)
        return Round([Figures(**each) for each in found["steps"]], found["rss_mib"])
