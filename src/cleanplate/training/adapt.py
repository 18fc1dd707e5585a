"""Weights for one difficult take: a few minutes on the take itself, without labels."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cleanplate.errors import OutputError
from cleanplate.media.replacing import replacing
from cleanplate.network import weights_path
from cleanplate.training import checkpoint
from cleanplate.training.export import export_network, export_refiner
from cleanplate.training.footage import read_clip
from cleanplate.training.student import train_student
from cleanplate.training.student_judging import Judgement
from cleanplate.training.student_state import StudentOptions

# Without a critic, held near the start, judged often: what is left are a few hundred steps.
OPTIONS = StudentOptions(
    batch=2,
    learning_rate=3e-5,
    adversarial=0.0,
    teacher=0.5,
    footage=1.0,
    halve_every=10**9,
    judge_every=25,
    planned_steps=2000,
)


def adapt(
    clip: Path,
    plate: Path | None,
    minutes: float,
    output: Path,
    start: Path,
    options: StudentOptions = OPTIONS,
    say: Callable[[str], None] = print,
) -> tuple[Judgement, Judgement]:
    """Write OUTPUT.onnx and what goes with it, adapted to a clip for so many minutes.

    clip: a video or numbered stills. plate: a picture; None: it is estimated from the clip.
    output: path that ends in .onnx. start: a checkpoint to start from; its tile refiner, or the
    shipped one where none lies beside it, is kept as it is.
    Returns how the start and what was written do on frames of the clip that were held out; they
    are the same where nothing helped.
    Raises InputError, PlateError, OutputError, WeightsError.
    """
    if output.suffix != ".onnx":
        raise OutputError(f"{output} must end in .onnx.")
    if not output.parent.is_dir():
        raise OutputError(f"{output} cannot be written, its folder does not exist: create it.")
    # A missing or damaged one is told before the clip is read.
    checkpoint.check_there(
        start, "name a checkpoint of a teacher with --start (one is in a clone of the repository)"
    )
    checkpoint.load(start)
    footage = read_clip(clip, plate)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        path = train_student(
            run, [footage], None, start, replace(options, minutes=minutes), say=say
        )
        content = checkpoint.load(path)
        export_network(path, output)
    refiner = start.with_name("refiner.pt")
    if refiner.is_file():
        export_refiner(refiner, output)
    else:
        with replacing(output.with_suffix(".refiner.onnx")) as temporary:
            shutil.copyfile(weights_path("default").with_suffix(".refiner.onnx"), temporary)
    return content["history"][0], content["kept"]
