"""Running the command line in tests, and what a refusal looks like."""

import os

from typer.testing import CliRunner

from cleanplate import cli

HEIGHT, WIDTH = 24, 36  # of the frames in the fixture `scene`


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def refused(scene, result, *words):
    """Exit code 2, one sentence, no new file."""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("note:")]
    assert result.exit_code == 2, result.output
    assert len(lines) == 1, lines
    assert lines[0].startswith("cleanplate: ")
    for word in words:
        assert word in lines[0]
    assert not any(".cleanplate-" in name for name in files(scene))
    assert "out" not in os.listdir(scene)
    assert not list(scene.glob("out.*"))
