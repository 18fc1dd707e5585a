"""Make docs/results.md out of benchmarks/results: `python benchmarks/make_results_page.py`.

Nothing on the page is typed: every table is one that a benchmark wrote, with the line that says by
which command, at which commit, when and on what machine. `--check` writes nothing and exits 1
where the page is not what the results make it.
"""

import argparse
import json
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "results.md"
RESULTS = HERE / "results"

# What comes first; whatever else there is follows by name.
ORDER = ("quality-", "video", "speed", "robustness", "keying")
HEADING = """# Results

Made by `python benchmarks/make_results_page.py` from [benchmarks/results]({folder}): nothing here
is typed. What the numbers mean: [evaluation.md](evaluation.md). Get the rivals with
`python benchmarks/rivals/install.py` and `python benchmarks/export_peers.py`, then run the command
above a table for your own. SET stands for a folder of cases, laid out as evaluation.md says.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("-o", "--output", type=Path, default=PAGE, help="the page")
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    arguments = parser.parse_args()
    try:
        text = make_page(arguments.results, arguments.output)
    except ValueError as problem:
        print(problem, file=sys.stderr)
        return 2
    if arguments.check:
        same = arguments.output.is_file() and arguments.output.read_text(encoding="utf-8") == text
        print(f"{arguments.output} is {'up to date' if same else 'not what the results make it'}.")
        return 0 if same else 1
    arguments.output.write_text(text, encoding="utf-8")
    return 0


def make_page(results: Path, page: Path) -> str:
    """Put the tables of `results` together as they will stand at `page`.

    Taken are *.md and *.txt, the numbers of NAME.json beside NAME.md only vouch for it.
    Raises ValueError where there is none, one lacks its command, commit or date, or the numbers
    and the table beside them are of different runs.
    """
    files = sorted(
        (file for file in results.glob("*") if file.suffix in (".md", ".txt")), key=_place
    )
    if not files:
        raise ValueError(f"{results} holds no table, *.md or *.txt: run the benchmarks first.")
    folder = os.path.relpath(results, page.parent).replace(os.sep, "/")
    parts = [HEADING.format(folder=folder), *(_part(file, folder) for file in files)]
    return "\n".join(parts)


def _place(file: Path) -> tuple[int, str]:
    ranks = [rank for rank, start in enumerate(ORDER) if file.name.startswith(start)]
    return (ranks[0] if ranks else len(ORDER), file.name)


def _part(file: Path, folder: str) -> str:
    text = file.read_text(encoding="utf-8").strip()
    _check_origin(file, text)
    if file.suffix == ".txt":
        text = f"## {file.stem.capitalize()}\n\n```\n{text}\n```"
    else:
        text = re.sub(r"^(#+ )", r"#\1", text, flags=re.MULTILINE)
        # Pictures lie beside the tables.
        text = re.sub(r"\]\((?!\w+:|[/#])", f"]({folder}/", text)
    links = [f"[{file.name}]({folder}/{file.name})"]
    numbers = file.with_suffix(".json")
    if numbers.is_file():
        links.append(f"[{numbers.name}]({folder}/{numbers.name})")
        text += f"\n\n{_machine(numbers)}"
    return f"{text}\n\n{', '.join(links)}\n"


def _machine(numbers: Path) -> str:
    known = json.loads(numbers.read_text(encoding="utf-8"))
    machine = f"{known['processor']}, {known['cores']} cores"
    return f"Measured at {known['commit']}, {known['date']}, on {machine}."


def _check_origin(file: Path, text: str) -> None:
    """Make sure that a table says where it is from, and that its numbers are of the same run."""
    for what, sought in (
        ("command", r"python benchmarks/\w+\.py"),
        ("commit and date", r"\bat \w[\w.-]*, \d{4}-\d{2}-\d{2}"),
    ):
        if not re.search(sought, text):
            raise ValueError(f"{file} does not say its {what}: run its benchmark again.")
    numbers = file.with_suffix(".json")
    if numbers.is_file():
        known = json.loads(numbers.read_text(encoding="utf-8"))
        lacking = [key for key in ("commit", "date", "processor", "cores") if key not in known]
        if lacking:
            raise ValueError(f"{numbers} lacks {', '.join(lacking)}: run its benchmark again.")
        if f"at {known['commit']}, {known['date']}" not in text:
            raise ValueError(f"{numbers} and {file.name} are of different runs: run it again.")


if __name__ == "__main__":
    sys.exit(main())
