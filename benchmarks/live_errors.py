"""How far alpha is off at each detail of `cleanplate live`.

    python benchmarks/live_errors.py SET

SET: stills laid out as docs/evaluation.md says; its people are enlarged to the width of a camera.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from cleanplate.evaluation_set import find_cases, read_plate, read_truth
from cleanplate.live.cutting import DETAILS, LiveCutter
from cleanplate.metrics import mad
from cleanplate.network import load_model
from scenes import commit

WIDTH = 1280


def main() -> None:
    """Print the mean absolute difference of alpha x 1000 for each detail."""
    cases = [case for case in find_cases(Path(sys.argv[1]))[0] if case.kind == "person"]
    model = load_model()
    errors: dict[str, list[float]] = {detail.name: [] for detail in DETAILS}
    for case in cases:
        truth = read_truth(case, 0)
        frame, plate, alpha = map(_enlarged, (truth.frame, read_plate(case), truth.alpha))
        for name, found in errors.items():
            cutter = LiveCutter(model, name)
            cutter.take_plate(plate, own=False)
            matte = cutter.cut(np.rint(frame * 255).astype(np.uint8))
            whole = np.zeros(alpha.shape, np.float32)
            whole[matte.box] = matte.alpha.reshape(*matte.alpha.shape, -1)
            found.append(mad(whole, alpha))
    print(f"{len(cases)} people, {WIDTH} pixels wide, at {commit()}")
    for name, found in errors.items():
        print(f"{name:5} {np.mean(found):5.1f}", " ".join(f"{error:.1f}" for error in found))


def _enlarged(picture: np.ndarray) -> np.ndarray:
    scale = WIDTH / picture.shape[1]
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return large.reshape(*large.shape[:2], -1).clip(0, 1)


if __name__ == "__main__":
    main()
