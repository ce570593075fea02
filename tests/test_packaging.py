"""What is shipped: the wheel carries every package and preset, and the lock pins by hash alone."""

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The paths inside a wheel that was built with what is installed, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("raftctl-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("package", ["configs", "node", "raftctl", "tui"])
def test_the_wheel_carries_every_file_of_the_package(package: str, wheel_names: set[str]) -> None:
    shipped = {".css", ".js", ".py", ".tcss", ".toml"}
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / package).rglob("*")
        if path.suffix in shipped and path.is_file()
    }
    assert files, f"{package}/ holds no file"
    assert files <= wheel_names, f"not in the wheel: {sorted(files - wheel_names)}"


@pytest.mark.parametrize("package", ["configs", "node", "raftctl", "tui"])
def test_type_checkers_are_told_that_the_package_is_typed(
    package: str, wheel_names: set[str]
) -> None:
    assert f"{package}/py.typed" in wheel_names
    assert resources.files(package).joinpath("py.typed").is_file()


def test_the_wheel_carries_nothing_else(wheel_names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel_names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "configs",
        "node",
        "raftctl",
        "tui",
    }


@pytest.mark.parametrize("name", ["local3.toml", "local5.toml"])
def test_a_preset_is_read_as_package_data(name: str) -> None:
    text = resources.files("configs").joinpath(name).read_text(encoding="utf-8")
    preset = tomllib.loads(text)
    assert preset["cluster"]["name"] == name.removesuffix(".toml")
    assert preset["cluster"]["nodes"] in (3, 5)


LOCKS = ["requirements.lock", "requirements-docs.lock"]


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_pins_every_package_by_version_and_hash(lock: str) -> None:
    blocks = _lock_blocks(lock)
    assert len(blocks) > 20
    pinned = re.compile(r"^[a-z0-9-]+==[^ ;]+( ;[^\\]+)? \\\n")
    unpinned = [
        block.splitlines()[0]
        for block in blocks
        if not pinned.match(block) or not re.search(r"--hash=sha256:[0-9a-f]{64}\b", block)
    ]
    assert not unpinned


def test_the_lock_covers_what_the_project_declares() -> None:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = document["project"]
    extras = project["optional-dependencies"]
    declared = [
        *document["build-system"]["requires"],
        *project["dependencies"],
        *extras["dev"],
    ]
    assert _names(declared) <= _pinned("requirements.lock")
    assert _names(extras["docs"]) <= _pinned("requirements-docs.lock")


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_names_no_address_and_no_folder(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    found = re.findall(r".*(?:://|--index|--extra-index|--find-links|file:|\.whl|^/).*", text, re.M)
    assert not found


def _names(requirements: Iterable[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9-]", each, maxsplit=1)[0] for each in requirements}


def _pinned(lock: str) -> set[str]:
    return {block.partition("==")[0] for block in _lock_blocks(lock)}


def _lock_blocks(lock: str) -> list[str]:
    """One text for each package: its first line with the lines of hashes under it."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return [block for block in re.split(r"^(?=\S)", text, flags=re.M) if block[:1] not in ("", "#")]
