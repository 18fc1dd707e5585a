"""Put shots side by side: frame, plate, alpha.

python rendering/sheet.py SHOTS NAME... -o OUT.jpg
"""

import argparse
from pathlib import Path

from PIL import Image

SIDE, GAP = 160, 6  # pixels


def main() -> None:
    """Write a sheet of two shots a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shots", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    rows = -(-len(options.names) // 2)
    size = (6 * SIDE + GAP, rows * (SIDE + GAP) - GAP)
    sheet = Image.new("RGB", size, "white")
    for index, name in enumerate(options.names):
        left, top = index % 2 * (3 * SIDE + GAP), index // 2 * (SIDE + GAP)
        for place, kind in enumerate(("frame", "plate", "alpha")):
            picture = Image.open(options.shots / name / f"{kind}.png").convert("RGB")
            sheet.paste(picture.resize((SIDE, SIDE)), (left + place * SIDE, top))
    sheet.save(options.output, quality=85, optimize=True)


if __name__ == "__main__":
    main()
