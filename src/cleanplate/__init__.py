"""Turn any background into a green screen: alpha matte and true foreground from a clean plate."""

import os

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

# Nothing leaves the machine: ONNX Runtime, which is imported later, would tell its makers of its
# use, and keep a number for the machine. Who wants that sets it to 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
