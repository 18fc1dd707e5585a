"""Pictures and masks as they come from outside: checked, and brought to one form."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError

Picture = NDArray[np.float32]

SMALLEST = 16  # pixels a side; less is no picture to cut


def to_picture(picture: NDArray[Any], what: str, smallest: int = SMALLEST) -> Picture:
    """Check a picture and make it H W 3 float32 in 0..1, C-contiguous.

    picture: H W 3, uint8, uint16 (divided by the greatest value of their type) or float 0..1, of
    any memory layout and byte order; what is of that form already is given back itself.
    smallest: pixels a side, at least. Raises InputError for anything else, called by `what`.
    """
    if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.shape[2] != 3:
        came = getattr(picture, "shape", type(picture).__name__)
        raise InputError(f"The {what} is {came}; expected an array of height, width, 3 (RGB).")
    if min(picture.shape[:2]) < smallest:
        least = f"{smallest} pixel{'s' * (smallest > 1)}"
        raise InputError(f"The {what} is {size_of(picture)}; expected at least {least} a side.")
    return _scaled(picture, what)


def to_mask(mask: NDArray[Any], what: str, height: int, width: int) -> Picture:
    """Check a mask and make it H W 1 float32 in 0..1, C-contiguous.

    mask: H W or H W 1, bool or of the types of `to_picture`. Raises InputError as that does.
    """
    if not isinstance(mask, np.ndarray) or mask.shape not in ((height, width), (height, width, 1)):
        came = getattr(mask, "shape", type(mask).__name__)
        raise InputError(f"The {what} is {came}; expected {height} {width} or {height} {width} 1.")
    return _scaled(mask, what).reshape(height, width, 1)


def to_masks(height: int, width: int, **masks: NDArray[Any] | None) -> tuple[Picture | None, ...]:
    """Do `to_mask` for each mask that is there, called by its name; None stays None."""
    return tuple(
        None if mask is None else to_mask(mask, name, height, width) for name, mask in masks.items()
    )


def size_of(picture: NDArray[Any]) -> str:
    """Width and height of H W C in words."""
    return f"{picture.shape[1]} x {picture.shape[0]} pixels"


def _scaled(values: NDArray[Any], what: str) -> Picture:
    dtype = values.dtype.newbyteorder("=")
    if dtype in (np.uint8, np.uint16):
        most = np.float32(np.iinfo(dtype).max)
        return np.asarray(np.divide(values, most, dtype=np.float32, order="C"))
    if dtype.kind not in "bf":  # bool, float
        raise InputError(f"The {what} holds {dtype}; expected uint8, uint16 or float 0..1.")
    values = np.ascontiguousarray(values, np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite((low, high)).all():
        raise InputError(f"The {what} holds values that are no numbers (nan or infinite).")
    if low < -1e-3 or high > 1 + 1e-3:
        raise InputError(f"The {what} holds values from {low:g} to {high:g}; expected 0 to 1.")
    return np.asarray(values.clip(0, 1)) if low < 0 or high > 1 else values
