"""Pictures of what each stage makes of the difficult render."""

import sys

import cv2
import numpy as np
from picture_sheets import HAIR, HERE, Picture, difference, save

from cleanplate.composite import over, premultiply
from cleanplate.foreground import despill
from cleanplate.network import load_model
from cleanplate.pipeline import CutOptions, cutout
from cleanplate.plate import align_plate, check_plate
from cleanplate.prior import estimate_prior, soften
from cleanplate.refine import (
    INNER,
    PROJECTED,
    TILE,
    TRUST,
    RefineOptions,
    cut_tiles,
    lay_out,
    locate,
    refine,
)

sys.path.insert(0, str(HERE.parent / "benchmarks"))

from left_out import WAYS, cutter


def equation(frame: Picture, plate: Picture, alpha_true: Picture) -> None:
    """Show the parts of I = alpha F + (1 - alpha) B as cleanplate finds them."""
    cut = cutout(frame, plate)
    panels = {
        "frame  I": frame,
        "plate  B": plate,
        "alpha": cut.alpha,
        "foreground  F": cut.foreground,
        "alpha F": premultiply(cut.foreground, cut.alpha),
        "(1 - alpha) B": premultiply(plate, 1 - cut.alpha),
    }
    mad = np.abs(cut.alpha - alpha_true).mean() * 1000
    save("equation", panels, across=3, side=300)
    print(f"  mean absolute difference from the true alpha, times 1000: {mad:.1f}")


def moved_plate(frame: Picture, plate: Picture, alpha_true: Picture) -> None:
    """Shoot the plate by hand and at another exposure; show what alignment makes of it."""
    size = 880  # the frame is cut so that the moved plate still covers all of it
    frame = np.ascontiguousarray(frame[40 : 40 + size, 40 : 40 + size])
    by_hand = cv2.getRotationMatrix2D((480, 480), 0.5, 1.015)
    by_hand[:, 2] += (-40 + 6, -40 - 4)
    shot = cv2.warpAffine(plate, by_hand, (size, size), flags=cv2.INTER_CUBIC).clip(0, 1)
    noise = np.random.default_rng(0).normal(0, 1.5 / 255, shot.shape)
    shot = (0.88 * np.array([1, 0.98, 0.95]) * shot**1.06 + noise).clip(0, 1).astype(np.float32)
    aligned = align_plate(shot, frame)
    only_moved = cv2.warpPerspective(
        shot, aligned.homography, (size, size), borderMode=cv2.BORDER_REPLICATE
    )
    panels = {"plate as shot": shot}
    plates = {"as it came": shot, "when moved": only_moved, "with its colours": aligned.plate}
    for name, one in plates.items():
        panels[f"difference {name}"] = difference(frame, one)
    save("moved-plate", panels, across=4, side=300)
    report = check_plate(shot, frame)
    print(f"  shift {report.shift:.1f}, residual {report.residual:.2f} pixels; {report.warnings}")


def prior(frame: Picture, plate: Picture, alpha_true: Picture) -> None:
    """From a hard mask or from the plate difference to a soft guess."""
    silhouette = (alpha_true > 0.5).astype(np.float32)
    panels = {
        "a hard mask": silhouette,
        "softened as in the paper": soften(silhouette),
        "difference from the plate": difference(frame, plate),
        "prior made from it": estimate_prior(frame, plate),
    }
    save("prior", panels, across=4, side=300)


def network(frame: Picture, plate: Picture, alpha_true: Picture) -> None:
    """Show what the network says at its working size."""
    model = load_model().for_stills
    encoded = model.encode_plate(align_plate(plate, frame).plate, *frame.shape[:2])
    coarse = model(frame, encoded, None)
    panels = {
        "alpha": coarse.alpha,
        "foreground": coarse.foreground,
        "expected error, times 4": (coarse.error * 4).clip(0, 1),
        "shadow": coarse.shadow,
        "validity of the plate": coarse.valid,
    }
    save("network", panels, across=5, side=240)
    print(f"  working size {coarse.alpha.shape[1]} x {coarse.alpha.shape[0]}")


def full_resolution(frame: Picture, plate: Picture, alpha_true: Picture) -> None:
    """Show hair closely: interpolated, projected on the plate, corrected by the tile refiner."""
    model, options = load_model().for_stills, RefineOptions()
    aligned = align_plate(plate, frame)
    encoded = model.encode_plate(aligned.plate, *frame.shape[:2])
    coarse = model(frame, encoded, None)
    rows, columns = (
        grid.ravel()
        for grid in np.meshgrid(*(np.arange(s.start, s.stop, TILE) for s in HAIR), indexing="ij")
    )
    place = locate(coarse, *frame.shape[:2])
    down, across = (side.start for side in place.inside)
    layers = lay_out(coarse, frame, aligned.plate, aligned.valid)
    tiles = cut_tiles(layers, rows - down, columns - across, options)
    interpolated = np.zeros_like(alpha_true)
    interpolated[place.inside] = place.upsample(coarse.alpha)
    refined, _ = refine(coarse, frame, aligned.plate, aligned.valid, model.refiner, options)
    panels = {
        "frame": frame[HAIR],
        "alpha, interpolated": interpolated[HAIR],
        "trust in the projection": mosaic(tiles[TRUST]),
        "alpha, projected": mosaic(tiles[PROJECTED]),
        "alpha, refined": refined[HAIR],
        "true alpha": alpha_true[HAIR],
    }
    save("full-resolution", panels, across=3, side=300)


def mosaic(tiles: Picture) -> Picture:
    """Put the inner parts of the tiles of `HAIR` (n 1 22 22) side by side: 240 240 1."""
    inner = tiles[INNER][:, 0]
    across = (HAIR[1].stop - HAIR[1].start) // TILE
    lines = inner.reshape(-1, across, TILE, TILE).swapaxes(1, 2)
    return lines.reshape(-1, across * TILE)[..., None]


def spill(frame: Picture, plate: Picture, alpha_true: Picture) -> None:
    """Show an edge before green: the frame's colours, the foreground, the despilled one."""
    green = (plate.mean(2, keepdims=True) * np.array([0.35, 1.0, 0.3])).astype(np.float32)
    frame = (frame + (1 - alpha_true) * (green - plate)).clip(0, 1).astype(np.float32)
    kept = cutout(frame, green, options=CutOptions(despill=0))
    cleaned = despill(kept.foreground, kept.alpha, green)
    new_background = np.full_like(frame, 0.9)
    colours = {"the frame's colours": frame, "foreground": kept.foreground, "despilled": cleaned}
    panels = {"frame": frame[HAIR]}
    soft = ((kept.alpha > 0) & (kept.alpha < 0.975))[..., 0]
    greenness = []
    for name, colour in colours.items():
        panels[name] = over(colour, kept.alpha, new_background)[HAIR]
        red, middle, blue = colour[soft].mean(0) * 255
        greenness.append(f"{name} {middle - (red + blue) / 2:.0f}")
    save("spill", panels, across=4, side=300)
    print(f"  green above red and blue in the soft edge, levels: {', '.join(greenness)}")


def left_out(frame: Picture, plate: Picture, alpha_true: Picture) -> None:
    """Alpha with one part of the cut left out, as benchmarks/left_out.py measures it."""
    cut = {way.says: cutter(way)(frame, plate) for way in WAYS.values()}
    save("left-out", {"frame": frame} | cut | {"true alpha": alpha_true}, across=6, side=240)
