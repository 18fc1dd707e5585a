"""How closely the network looks: at what size it sees a frame, and what of it is believed.

The same weights find finer edges the larger the picture is, even larger than the frame itself; and
they see less of what is around a place then, so that large subjects get holes. So a close look is
believed where a wider one agrees with it at large.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.channels import joined, resize
from cleanplate.prediction import MULTIPLE, Coarse
from cleanplate.refine import locate

Picture = NDArray[np.float32]
Size = tuple[int, int]

STAYS = 0.5, 1.2  # in a clip the zoom stays while the window is of as many `pixels`
WIDER = 1.5  # a look at so many times fewer pixels is a wider one
# Means of alpha over two boxes of such a side (of the picture's, as if it were square) differ by
# this and less where both looks agree, by that and more where they do not.
AT_LARGE, AGREE, DIFFER = 0.056, 0.05, 0.15
# People are surely there where the segmenter says at least so much all around, in a box of such a
# side (of the picture's, as if it were square). Less, or nearer to their edge, fills true gaps.
SURELY, ALL_AROUND = 0.98, 0.05


@dataclass(frozen=True)
class Look:
    """How closely the network looks: at about so many pixels, whatever the frame's size.

    Where a part of the frame is enough to look at, that part has them, as far as zooms allow: how
    much larger than `pixels` the whole picture may be for it. finest: how much larger than the
    frame's a side of it may be. mirrors: it also looks at the mirror image, and what it says of
    both is averaged.
    """

    pixels: int
    zooms: tuple[float, ...] = (1.0, 1.22, 1.5, 1.84, 2.25, 2.76, 3.375)
    finest: float = 1.0
    mirrors: bool = False

    def size(self, height: int, width: int, zoom: float = 1.0, most: float = 1.0) -> Size:
        """Height and width, multiples of 16, that a whole frame of this size is seen at.

        most: times the frame's sides, at most.
        """
        scale = min(most, (zoom * self.pixels / (height * width)) ** 0.5)
        sides = (max(2, round(side * scale / MULTIPLE)) * MULTIPLE for side in (height, width))
        return next(sides), next(sides)

    def zoomed(self, share: float, full: Size, last: Size | None) -> Size:
        """Size of the whole frame (full: as it is) at which that share of it is as large as wanted.

        last: of the frame before in a clip, which stays while it fits.
        """
        sizes = [self.size(*full, zoom, self.finest) for zoom in self.zooms]

        def filled(size: Size) -> float:
            return share * size[0] * size[1] / self.pixels

        if last in sizes and STAYS[0] <= filled(last) <= STAYS[1]:
            return last
        return max((size for size in sizes if filled(size) <= 1), default=self.size(*full))


WIDE = Look(592 * 336)
LOOKS = {
    "normal": Look(WIDE.pixels, (1.0, 1.5, 2.25, 3.375), finest=1.5),  # coarse steps are quicker
    "best": Look(1024 * 576, finest=1.5, mirrors=True),
}


def is_wider(size: Size, than: Size) -> bool:
    """Whether a look at a picture of this size shows what one at the other may miss."""
    return WIDER * size[0] * size[1] < than[0] * than[1]


def agreed(closer: Coarse, wider: Coarse) -> Coarse:
    """Take what the closer look says where the wider one agrees at large, else what that says."""
    size, inside = closer.frame.shape[:2], closer.window.inside()
    near, place = _stacked(closer), locate(wider, *size)
    canvas = np.zeros((*size, near.shape[2]), np.float32)
    canvas[inside] = near  # where the wider look's window ends before
    canvas[place.inside] = place.upsample(_stacked(wider))
    far = canvas[inside]
    box = 2 * (int(AT_LARGE * (size[0] * size[1]) ** 0.5) // 2) + 1
    apart = np.ascontiguousarray(near[..., 0] - far[..., 0])
    apart = np.abs(cv2.blur(cv2.blur(apart, (box, box)), (box, box)))
    belief = np.clip((DIFFER - apart) / (DIFFER - AGREE), 0, 1)[..., None]
    joined = far + belief * (near - far)
    alpha, foreground, *others = np.split(joined, (1, 4, 5, 6), axis=2)
    return Coarse(closer.frame, closer.window, alpha, foreground, *others)


def without_holes(coarse: Coarse, people: Picture) -> Coarse:
    """Close holes deep inside people, as where a shirt has the colour of the wall behind it.

    people: where somebody is who was not in the plate, h w 1 of the whole frame, 0..1.
    """
    if people.max() < SURELY:
        return coarse
    height, width = people.shape[:2]
    box = 2 * int(ALL_AROUND * (height * width) ** 0.5 / 2) + 1
    least = np.asarray(cv2.erode(people, np.ones((box, box), np.uint8)), np.float32)
    surely = np.clip((least - SURELY) * (2 / (1 - SURELY)), 0, 1)
    surely = resize(surely, coarse.frame.shape[:2])[coarse.window.inside()]
    return replace(coarse, alpha=np.maximum(coarse.alpha, surely))


def _stacked(coarse: Coarse) -> Picture:
    return joined(coarse.alpha, coarse.foreground, coarse.error, coarse.shadow, coarse.valid)
