"""What is to be said about a plate: how it had to be moved and recoloured, and whether it fits."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from cleanplate.channels import largest
from cleanplate.plates.blocks import FEW, block_side
from cleanplate.plates.color import ColorMatch
from cleanplate.plates.geometry import Picture, largest_shift, nominal, shrink
from cleanplate.plates.register import Placement

AGREE_SIDE = 480  # longer side of the pictures on which agreement is counted

# What tells a plate of another scene; measured in tests/test_wrong_plates.py and on photos,
# where other scenes had at most 3 % recognised and true ones, blocky and noisy, at least 45 %.
PLACE = 0.15  # of a block's side: what lies farther off was not found at its place
RECOGNISED = 0.06  # share of the structure
BEYOND_CHANCE = 0.2  # share of what chance leaves, as in Cohen's kappa, that must agree
UNIFORM = 0.3  # agreement by chance from which colours tell little
# Of a plate that is hardly recognised: shift, of the frame's longer side, and difference of the
# white balance from which on it may be of another scene.
FAR, FAR_BALANCE = 0.02, 0.25
SHAPE_SIDE, SHAPE = 240, 4 / 255  # longer side of the picture, and contrast, of a plate's shapes


@dataclass(frozen=True)
class PlateReport:
    """What `check_plate` found.

    shift: pixels of the frame by which the farthest corner had to move (beyond a mere resize
    or quarter turn). residual: median displacement that is left, in pixels of the frame; nan
    when nothing could be measured. turns: quarter turns counter-clockwise that the plate was
    out by. gain, bias (3 numbers each), gamma: the plate's colours became
    gain * plate ** gamma + bias. agreement: share 0..1 of the covered frame in which frame
    and plate agree within the noise. coverage: share 0..1 of the frame that the plate covers.
    identical: the plate is the frame itself. warnings: sentences for the person at the camera.
    problem: why it is of another scene, where it was not to be refused for that.
    """

    shift: float
    residual: float
    turns: int
    gain: tuple[float, ...]
    bias: tuple[float, ...]
    gamma: float
    agreement: float
    coverage: float
    identical: bool
    warnings: tuple[str, ...]
    problem: str | None = None

    @property
    def warnings_of_plate(self) -> tuple[str, ...]:
        """The warnings without those of a missing subject."""
        return tuple(one for one in self.warnings if one not in set(_about_subject(self)))


@dataclass(frozen=True)
class Evidence:
    """How much of the scene was recognised.

    textured: share of all blocks in which the plate has structure. recognised: share of
    those that show the same in the frame at the same place. count: how many look alike
    wherever. agreement, coverage: as in the report. chance: agreement of the plate laid the
    wrong way round, which the scene has nothing to do with; shaped: share of the plate in which
    there is more than noise; both 0 where they were not needed.
    """

    textured: float
    recognised: float
    count: int
    agreement: float
    coverage: float
    chance: float
    shaped: float


def agreement_share(plate: Picture, frame: Picture, valid: Picture) -> float:
    """Share of the covered pixels in which an aligned plate agrees with the frame.

    plate, frame: H W 3, 0..1. valid: H W 1, 1 where covered. The noise is estimated from the
    pictures; along edges a fraction of a pixel is allowed for.
    """
    scale = AGREE_SIDE / max(frame.shape[:2])
    plate, frame = shrink(plate, scale)[0], shrink(frame, scale)[0]
    covered = shrink(valid, scale)[0].reshape(frame.shape[:2]) > 0.99
    if not covered.any():
        return 0.0
    difference = largest(np.abs(plate - frame))
    around = np.ones((3, 3), np.uint8)
    edges = largest(cv2.dilate(plate, around) - cv2.erode(plate, around))
    close = difference[covered & (difference < 0.06)]
    noise = 1.48 * float(np.median(close)) if close.size else 0.0
    allowed = np.clip(2.5 * noise, 0.02, 0.06) + 0.15 * edges
    return float((difference < allowed)[covered].mean())


def weigh(
    placement: Placement, plate: Picture, matched: Picture, frame: Picture, valid: Picture
) -> Evidence:
    """Count what was recognised.

    plate: H W 3, laid on the frame, in its own colours; matched: the same in the frame's.
    frame: H W 3, valid: H W 1, as in `agreement_share`.
    """
    blocks = placement.blocks
    size = [side * placement.scale for side in placement.size]
    recognised = blocks.seen_again(PLACE * block_side((round(size[0]), round(size[1]))))
    chance = shaped = 0.0
    if recognised < RECOGNISED:
        shaped = _shaped(plate)
        chance = max(
            agreement_share(np.ascontiguousarray(turned), frame, valid)
            for turned in (matched[:, ::-1], matched[::-1], matched[::-1, ::-1])
        )
    return Evidence(
        textured=float(blocks.structured.mean()),
        recognised=recognised,
        count=int(blocks.alike.sum()),
        agreement=agreement_share(matched, frame, valid),
        coverage=float(valid.mean()),
        chance=chance,
        shaped=shaped,
    )


def _shaped(plate: Picture) -> float:
    """Share of the plate with more than noise in it: shapes that averaging does not remove."""
    small = shrink(plate, SHAPE_SIDE / max(plate.shape[:2]))[0].mean(axis=2)
    soft = cv2.GaussianBlur(small, (0, 0), 1.5)
    mean, mean_square = cv2.blur(soft, (8, 8)), cv2.blur(soft * soft, (8, 8))
    return float((np.sqrt(np.maximum(mean_square - mean * mean, 0)) > SHAPE).mean())


def problem_of(evidence: Evidence) -> str | None:
    """Why a plate must not be used, as a sentence; None when it may.

    A subject may hide most of the scene, and a plain wall has nothing to recognise, so a
    plate is refused only when there was plenty to recognise and next to nothing was. Colours
    are fitted before they are compared, so that those of any scene agree in part: what counts
    is how much more they do than those of the plate turned round.
    """
    beyond = (evidence.agreement - evidence.chance) / max(1 - evidence.chance, 1e-3)
    unlike = evidence.recognised < RECOGNISED and beyond < BEYOND_CHANCE
    # Of a scene that is much the same all over, colours tell little, and fine texture is noise.
    telling = evidence.textured > 0.1 and evidence.chance < UNIFORM
    if unlike and (telling or evidence.shaped > 0.3):
        return (
            "The plate does not show the scene of this frame: only "
            f"{evidence.recognised:.0%} of its structure was found again and "
            f"{evidence.agreement:.0%} of the frame has its colours. Check that the two belong "
            "together, or shoot the empty scene from where the frame was shot."
        )
    if evidence.count < FEW and evidence.agreement < 0.02:
        return (
            "Nothing in the frame agrees with the plate, not even the colours: check that the "
            "plate is no blank picture and shows the same scene in similar light."
        )
    return None


def report_on(
    placement: Placement,
    plate_shape: tuple[int, ...],
    color: ColorMatch,
    evidence: Evidence,
    identical: bool,
) -> PlateReport:
    """Put everything that was measured into words and numbers."""
    shifts = [
        largest_shift(
            placement.homography, nominal(plate_shape, placement.size, turns), placement.size
        )
        for turns in range(4)
    ]
    turns = int(np.argmin(shifts))
    left = np.linalg.norm(placement.blocks.shift[placement.blocks.alike], axis=1)
    report = PlateReport(
        shift=shifts[turns],
        residual=float(np.median(left)) / placement.scale if left.size else float("nan"),
        turns=turns,
        gain=color.gain,
        bias=color.bias,
        gamma=color.gamma,
        agreement=evidence.agreement,
        coverage=evidence.coverage,
        identical=identical,
        warnings=(),
    )
    found = (
        *_about_subject(report),
        *_about_place(report, max(placement.size), evidence),
        *_about_color(report),
    )
    return replace(report, warnings=found)


def _about_subject(report: PlateReport) -> Iterator[str]:
    if report.identical:
        yield (
            "The plate equals the frame, so the matte will be empty: shoot the scene once more "
            "without the subject."
        )
    elif report.agreement > 0.998:
        yield "Frame and plate agree everywhere: there seems to be no subject in the frame."


def _about_place(report: PlateReport, side: int, evidence: Evidence) -> Iterator[str]:
    if report.turns:
        yield f"The plate was turned by {90 * report.turns} degrees to fit the frame."
    faint = evidence.count < FEW
    if faint and _is_far_off(report, side):
        yield (
            "The plate may be of another scene: hardly anything of it was found in the frame, and "
            "its place or its colours are far off: check that the two belong together."
        )
    elif report.shift > max(1.0, side / 400):
        yield (
            f"The plate was out of place by {report.shift:.0f} px and has been aligned; "
            "a tripod gives the best edges."
        )
    if faint:
        yield (
            "The background has too little structure to align the plate or to check that it "
            "shows this scene: keep the camera still between the two shots."
        )
    elif report.residual > side / 1000:
        yield (
            f"After the alignment {report.residual:.1f} px are left: the camera or things in "
            "the scene moved; use a tripod, or turn the camera without stepping aside."
        )
    if report.coverage < 0.97:
        yield (
            f"The plate covers only {report.coverage:.0%} of the frame; beyond its border the "
            "matte is a guess: shoot the plate a little wider."
        )


def _is_far_off(report: PlateReport, side: int) -> bool:
    """Whether so much had to be moved and recoloured as two shots of one scene rarely ask for."""
    residual = 0.0 if np.isnan(report.residual) else report.residual
    return max(report.shift, 2 * residual) > FAR * side or _light(report)[1] > FAR_BALANCE


def _light(report: PlateReport) -> tuple[float, float]:
    """Exposure of the frame against the plate's, and by how much the white balance differs."""
    middle = np.array(report.gain) * 0.5**report.gamma + np.array(report.bias)
    return float(middle.mean()) / 0.5, float(np.ptp(middle) / middle.mean())


def _about_color(report: PlateReport) -> Iterator[str]:
    exposure, balance = _light(report)
    if abs(exposure - 1) > 0.1:
        yield (
            f"The frame is {abs(exposure - 1):.0%} {'brighter' if exposure > 1 else 'darker'} "
            "than the plate; this was matched, but locked exposure gives a cleaner matte."
        )
    if balance > 0.06:
        yield (
            f"The white balance differs by {balance:.0%} between plate and frame; this was "
            "matched, but a locked white balance gives a cleaner matte."
        )
