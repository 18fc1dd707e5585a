"""Make every picture of the documentation from our own renders and the shipped weights.

    python docs/make_pictures.py

Writes docs/pictures/*.jpg and prints a line for each. Run it again after the weights or the code
changed; it needs no other input. Everything is done on the CPU.
"""

import runpy
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cleanplate.composite import over, premultiply, unpremultiply
from cleanplate.demo import HEADER, run_demo
from cleanplate.foreground import despill
from cleanplate.media.stills import read_still
from cleanplate.network import load_model
from cleanplate.pipeline import CutOptions, Cutout, cutout
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
from cleanplate.training.data import read_pool
from cleanplate.training.sheet import SHOWN, sample_row
from cleanplate.training.synthesis import Recipe, synthesize

Picture = NDArray[np.float32]

HERE = Path(__file__).parent
PICTURES = HERE / "pictures"
LABEL, GAP = 26, 8  # pixels under and between the panels
PAPER = 205  # neither black nor white, so that both can be seen on it
HAIR = np.s_[192:432, 240:480]  # the part of the sample that is looked at closely, whole tiles
EXAGGERATED = 4  # differences are shown four times as large as they are


def main() -> None:
    """Make them all."""
    PICTURES.mkdir(exist_ok=True)
    frame, plate, alpha_true = sample()
    for make in (equation, moved_plate, prior, network, full_resolution, spill):
        make(frame, plate, alpha_true)
    for make in (straight, linear, troubles):
        make(frame, plate, alpha_true)
    failures(frame, plate)
    synthesis()
    demo()


def sample() -> tuple[Picture, Picture, Picture]:
    """Frame and plate H W 3 and the true alpha H W 1 of the difficult render."""
    frame, plate, alpha = (
        read_still(HERE / "difficult" / name).picture
        for name in ("frame.jpg", "plate.jpg", "alpha.png")
    )
    return frame, plate, alpha[..., :1]


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
    model = load_model()
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
    model, options = load_model(), RefineOptions()
    aligned = align_plate(plate, frame)
    encoded = model.encode_plate(aligned.plate, *frame.shape[:2])
    coarse = model(frame, encoded, None)
    rows, columns = (
        grid.ravel()
        for grid in np.meshgrid(*(np.arange(s.start, s.stop, TILE) for s in HAIR), indexing="ij")
    )
    layers = lay_out(coarse, frame, aligned.plate, aligned.valid)
    tiles = cut_tiles(layers, rows, columns, options)
    refined, _ = refine(coarse, frame, aligned.plate, aligned.valid, model.refiner, options)
    panels = {
        "frame": frame[HAIR],
        "alpha, interpolated": locate(coarse, *frame.shape[:2]).upsample(coarse.alpha)[HAIR],
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
    # The green box stood elsewhere when the plate was shot.
    changed = plate.copy()
    box = np.s_[376:552, 704:884]
    changed[380:556, 60:240] = plate[box]
    changed[box] = plate[376:552, 520:700]
    plates = {"good": plate, "moved": shifted, "brighter": brighter, "a box moved": changed}
    panels = {f"{name}: difference": difference(frame, one) for name, one in plates.items()}
    for name, one in plates.items():
        panels[f"{name}: alpha"] = cutout(frame, one, options=CutOptions(align=False)).alpha
    save("troubles", panels, across=4, side=260)


def failures(frame: Picture, plate: Picture) -> None:
    """Show what the shipped weights get wrong, for their card."""
    other = np.roll(plate, 300, 1)
    ways = {
        "subject coloured like the plate": (plate, CutOptions()),
        "the same with --prior difference": (plate, CutOptions(difference_prior=True)),
        "a plate far off, not aligned": (other, CutOptions(align=False)),
        "no plate": (None, CutOptions()),
    }
    magenta = np.full_like(frame, (0.85, 0.0, 0.65))
    cuts = {name: cutout(frame, one, options=options) for name, (one, options) in ways.items()}
    panels = {name: cut.over(magenta) for name, cut in cuts.items()}
    panels |= {f"{name}: alpha": cut.alpha for name, cut in cuts.items()}
    save("failures", panels, across=4, side=260)


def synthesis() -> None:
    """Training samples made from a tiny pool that is made of the sample itself."""
    tiny = runpy.run_path(str(HERE.parent / "examples" / "tiny_pool.py"))
    with tempfile.TemporaryDirectory() as folder:
        tiny["make_tiny_pool"](Path(folder))
        foregrounds = read_pool(Path(folder, "foregrounds"), foregrounds=True)
        backgrounds = read_pool(Path(folder, "backgrounds"), foregrounds=False)
        samples = [
            synthesize(
                np.random.default_rng([4, index]), foregrounds, backgrounds, Recipe(size=140)
            )
            for index in range(8)
        ]
    columns = zip(
        *(np.split(sample_row(made), len(SHOWN), axis=1) for made in samples), strict=True
    )
    line = ((0, GAP), (0, 0), (0, 0))
    panels = {
        name: np.concatenate([np.pad(part, line, constant_values=PAPER / 255) for part in parts])
        for name, parts in zip(SHOWN, columns, strict=True)
    }
    save("synthesis", panels, across=len(SHOWN), side=140)


def demo() -> None:
    """Show the contact sheet of `cleanplate demo`, without its first line."""
    with tempfile.TemporaryDirectory() as folder:
        run_demo(Path(folder), lambda line: None)
        sheet = Image.open(Path(folder, "contact-sheet.png")).convert("RGB")
    # The time in that line is this machine's, of today.
    sheet = sheet.crop((0, HEADER - 16, *sheet.size))
    sheet = sheet.resize((1000, round(sheet.height * 1000 / sheet.width)), Image.Resampling.LANCZOS)
    write(sheet, "demo")


def difference(first: Picture, second: Picture) -> Picture:
    """Largest difference of the three channels, exaggerated: H W 1."""
    return (np.abs(first - second).max(2, keepdims=True) * EXAGGERATED).clip(0, 1)


def save(name: str, panels: dict[str, Picture], across: int, side: int) -> None:
    """Lay panels (H W 3 or H W 1, 0..1, all of one size) out, `side` wide, names under them."""
    height, width = next(iter(panels.values())).shape[:2]
    size = (side, round(side * height / width))
    down, step = -(-len(panels) // across), size[1] + LABEL
    sheet = Image.new("RGB", (across * (side + GAP) - GAP, down * step), (PAPER,) * 3)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for index, (label, picture) in enumerate(panels.items()):
        left, top = index % across * (side + GAP), index // across * step
        pixels = np.broadcast_to(picture, (*picture.shape[:2], 3))
        pixels = np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)
        method = Image.Resampling.NEAREST if side >= width else Image.Resampling.LANCZOS
        sheet.paste(Image.fromarray(pixels).resize(size, method), (left, top))
        draw.text((left + 2, top + size[1] + 3), label, "black", font)
    write(sheet, name)


def write(sheet: Image.Image, name: str) -> None:
    """Write one JPEG and say so."""
    path = PICTURES / f"{name}.jpg"
    sheet.save(path, quality=85, optimize=True)
    print(f"{path.relative_to(HERE.parent)}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
