"""What the soak of the server says of its memory, and the curves that are drawn of it."""

import importlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("httpx", reason="the soak's clients need httpx")

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="comes with the repository only")

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def soak():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("soak_memory")


@pytest.fixture(scope="module")
def kinds():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("soak_requests").all_kinds()


def memory(per_request, count=10_000):
    """Megabytes as a server shows them: it warms up, now and then something large is cut."""
    random = np.random.default_rng(3)
    numbers = np.arange(50, count + 1, 50)
    megabytes = 200 + 30 * (1 - np.exp(-numbers / 800)) + per_request * numbers
    megabytes += random.normal(0, 0.3, len(numbers)) + 40 * (random.random(len(numbers)) < 0.05)
    return [(int(number), float(each)) for number, each in zip(numbers, megabytes, strict=True)]


def test_a_leak_of_two_kilobytes_a_request_is_found(soak):
    assert soak.growth(memory(0.002)) == pytest.approx(2, abs=0.1)
    assert soak.growth(memory(0.002)) > soak.LEAK


def test_warming_up_and_peaks_are_no_leak(soak):
    assert abs(soak.growth(memory(0))) < 0.1 < soak.LEAK
    assert soak.growth([(10, 200.0)]) == 0


def test_the_picture_shows_memory_and_growth(soak):
    leaking = memory(0.002)
    found = {"memory_megabytes": leaking, "requests": 10_000}
    found["growth_megabytes_per_1000"] = soak.growth(leaking)
    picture = ElementTree.fromstring(soak.picture_of(found))
    lines = [
        [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        for line in picture.iter(f"{SVG}polyline")
    ]
    assert [len(line) for line in lines] == [len(leaking), 2]
    start, end = lines[1]
    assert end[0] > start[0]
    assert end[1] < start[1]  # upward: more memory
    assert "+2.0" in "".join(picture.itertext())


def test_every_request_says_what_it_expects(kinds):
    assert len({kind.name for kind in kinds}) == len(kinds) >= 12
    assert {200, 201, 202, 401, 404, 413, 415, 422} == {kind.status for kind in kinds}
    assert sum(kind.weight for kind in kinds if kind.status == 200) < 0.4 * sum(
        kind.weight for kind in kinds
    )
