"""Turn any background into a green screen: alpha matte and true foreground from a clean plate."""

from cleanplate.clip_state import ClipState, FrameNote
from cleanplate.composite import over
from cleanplate.errors import (
    CleanplateError,
    DeviceError,
    InputError,
    MissingExtraError,
    OutputError,
    PlateError,
    WeightsError,
)
from cleanplate.network import Model, load_model
from cleanplate.pipeline import CutOptions, Cutout, cut_next, cutout, cutouts
from cleanplate.plate import AlignedPlate, align_plate, check_plate
from cleanplate.plates.report import PlateReport

__all__ = [
    "AlignedPlate",
    "CleanplateError",
    "ClipState",
    "CutOptions",
    "Cutout",
    "DeviceError",
    "FrameNote",
    "InputError",
    "MissingExtraError",
    "Model",
    "OutputError",
    "PlateError",
    "PlateReport",
    "WeightsError",
    "align_plate",
    "check_plate",
    "cut_next",
    "cutout",
    "cutouts",
    "load_model",
    "over",
]
