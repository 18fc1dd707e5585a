"""What the package promises as a whole: light imports, downward only, sorted public names."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import cleanplate

ROOT = Path(cleanplate.__file__).parent
HEAVY = ("torch", "onnx", "numba", "mediapipe", "scipy", "skimage", "onnxruntime")
STAGES = ("plate", "prior", "network", "refine", "foreground")


def test_importing_is_light() -> None:
    script = (
        "import sys, time; start = time.perf_counter(); import cleanplate;"
        "print(time.perf_counter() - start); print(*sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in ran.stdout.splitlines()[1].split()}
    assert not loaded & set(HEAVY)


def test_cutting_tells_nobody(tmp_path: Path) -> None:
    """ONNX Runtime would keep a number for the machine in the home folder, and send reports."""
    home, out = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    script = (
        f"import cleanplate.demo as demo, pathlib;demo.run_demo(pathlib.Path({str(out)!r}), print)"
    )
    kept = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name}
    subprocess.run(
        [sys.executable, "-c", script], env=kept | {"HOME": str(home), "TMPDIR": str(home)},
        check=True, capture_output=True,
    )  # fmt: skip
    assert any(out.iterdir())
    assert not any(home.rglob("*"))


def test_public_names_are_sorted_and_there() -> None:
    assert cleanplate.__all__ == sorted(cleanplate.__all__)
    for name in cleanplate.__all__:
        assert getattr(cleanplate, name).__doc__


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_only_training_imports_torch_and_nothing_above_imports_training() -> None:
    for path in ROOT.rglob("*.py"):
        names = imported(path)
        if "training" not in path.relative_to(ROOT).parts:
            assert not {name for name in names if name.split(".")[0] in ("torch", "onnx")}, path
            if path.name not in ("cli_training.py", "cli_student.py", "cli_dataset.py"):
                assert not {name for name in names if name.startswith("cleanplate.training")}, path


def test_stages_do_not_import_one_another() -> None:
    for stage in STAGES:
        for path in ROOT.glob(f"{stage}*.py"):
            others = {f"cleanplate.{other}" for other in STAGES if other != stage}
            assert not imported(path) & others, path


def test_no_file_is_longer_than_300_lines() -> None:
    for path in ROOT.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path
