"""Pictures of what goes wrong: files read wrongly, bad plates, what the weights get wrong."""

import numpy as np
from picture_sheets import HAIR, Picture, difference, save

from cleanplate.composite import over, premultiply, unpremultiply
from cleanplate.pipeline import CutOptions, Cutout, cutout


def straight(frame: Picture, plate: Picture, alpha_true: Picture) -> None:
    """Put a cutout over white, and show what two wrong readings of a file do to it."""
    cut = true_cutout(frame, plate, alpha_true)
    white = np.ones_like(frame)
    multiplied = premultiply(cut.foreground, cut.alpha)
    added = (cut.foreground + (1 - cut.alpha) * white).clip(0, 1)
    panels = {
        "straight, read as straight": cut.over(white),
        "premultiplied, read as straight": over(multiplied, cut.alpha, white),
        "straight, read as premultiplied": added,
    }
    save("straight", {name: picture[HAIR] for name, picture in panels.items()}, 3, 300)


def linear(frame: Picture, plate: Picture, alpha_true: Picture) -> None:
    """Dark hair over white, mixed as encoded values and as light."""
    cut = true_cutout(frame, plate, alpha_true)
    white = np.ones_like(frame)
    encoded, light = cut.over(white)[HAIR], cut.over(white, linear=True)[HAIR]
    panels = {
        "encoded values": encoded,
        "linear light": light,
        "difference, times 4": difference(encoded, light),
    }
    save("linear", panels, across=3, side=300)


def true_cutout(frame: Picture, plate: Picture, alpha_true: Picture) -> Cutout:
    """Cut the sample with its true alpha, where the point is not what the network finds."""
    foreground = unpremultiply(frame - (1 - alpha_true) * plate, alpha_true)
    return Cutout(alpha_true, foreground.clip(0, 1).astype(np.float32))


def troubles(frame: Picture, plate: Picture, alpha_true: Picture) -> None:
    """Four plates, left alone: their difference from the frame, and the matte below it."""
    shifted = np.roll(plate, (9, 14), (0, 1))
    brighter = (plate * 1.35).clip(0, 1)
    changed = with_box_moved(plate)
    plates = {"good": plate, "moved": shifted, "brighter": brighter, "a box moved": changed}
    panels = {f"{name}: difference": difference(frame, one) for name, one in plates.items()}
    for name, one in plates.items():
        panels[f"{name}: alpha"] = cutout(frame, one, options=CutOptions(align=False)).alpha
    save("troubles", panels, across=4, side=260)


def with_box_moved(plate: Picture) -> Picture:
    """Make the plate that would have been shot while the green box stood elsewhere."""
    changed = plate.copy()
    box = np.s_[376:552, 704:884]
    changed[380:556, 60:240] = plate[box]
    changed[box] = plate[376:552, 520:700]
    return changed


def failures(frame: Picture, plate: Picture) -> None:
    """Show what the shipped weights get wrong, for their card."""
    other = np.roll(plate, 300, 1)
    ways = {
        "a box moved": (with_box_moved(plate), CutOptions()),
        "a plate far off, not aligned": (other, CutOptions(align=False)),
        "no plate": (None, CutOptions()),
    }
    magenta = np.full_like(frame, (0.85, 0.0, 0.65))
    cuts = {name: cutout(frame, one, options=options) for name, (one, options) in ways.items()}
    panels = {name: cut.over(magenta) for name, cut in cuts.items()}
    panels |= {f"{name}: alpha": cut.alpha for name, cut in cuts.items()}
    save("failures", panels, across=3, side=260)
