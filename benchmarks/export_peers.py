"""Bring the rivals that come as torch code to ONNX: `python benchmarks/export_peers.py`.

BackgroundMattingV2's code (MIT) comes from PyPI by name, without weights: random ones give its
speed, as long as it refines its full count of patches. Patches are cropped with `roi_align` and put
back with `scatter_element`, as in the ONNX files that its authors published. The 2020 network is
cleanplate's own copy. Needs cleanplate's extra [train]; what is made goes to
benchmarks/rivals/.environments, which git ignores.
"""

import argparse
import importlib
import importlib.util
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cleanplate.training.networks.paper import PaperNetwork
from peers import BACKBONES, exported
from rivals.install import HOME
from scenes import SIZES

PACKAGES = HOME / "torch-packages"
OPERATORS = {
    "nms": "(Tensor boxes, Tensor scores, float threshold) -> Tensor",
    "qnms": "(Tensor boxes, Tensor scores, float threshold) -> Tensor",
    "roi_align": "(Tensor picture, Tensor boxes, float scale, SymInt height, SymInt width, "
    "int sampling_ratio, bool aligned) -> Tensor",
}


def main() -> int:
    """Export what is missing at the sizes asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    sizes = parser.parse_args().sizes
    warnings.simplefilter("ignore")  # the tracer's remarks on the rivals' code
    if not exported("paper", "512").is_file():
        export_paper()
    wanted = [(name, size) for name in BACKBONES for size in sizes]
    missing = [pair for pair in wanted if not exported(*pair).is_file()]
    if missing:
        install()
        matting = import_background_matting()
        for name, size in missing:
            export_background_matting(matting, name, size)
    return 0


def install() -> None:
    """Fetch BackgroundMattingV2 and, where there is none, the torchvision made for this torch."""
    wanted = [] if (PACKAGES / "BackgroundMattingV2").is_dir() else ["backgroundmattingv2==1.0"]
    if not ((PACKAGES / "torchvision").is_dir() or importlib.util.find_spec("torchvision")):
        minor = int(torch.__version__.split(".")[1])
        wanted.append(f"torchvision==0.{minor + 15}.*")  # 0.28 was released for torch 2.13
    if wanted:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        subprocess.run([*command, str(PACKAGES), *wanted], check=True)


def import_background_matting() -> Any:
    """Import its class MattingRefine, with torchvision's blocks but not its compiled operators.

    torchvision from PyPI is compiled for one build of torch and cannot be imported beside another.
    Its blocks are plain Python, though; declared operators are all it asks for then.
    """
    sys.path.append(str(PACKAGES))
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for name, arguments in OPERATORS.items():
            torch.library.define(f"torchvision::{name}", arguments)
        torch.library.impl("torchvision::roi_align", "CPU", _shape_of_roi_align)
        importlib.import_module("torchvision")
    operations = importlib.import_module("torchvision.ops")
    operations.roi_align = _roi_align  # type: ignore[attr-defined]
    return importlib.import_module("BackgroundMattingV2.model").MattingRefine


def export_background_matting(matting: Any, name: str, size: str) -> None:
    """Export for one size of frame, with the settings its authors recommend for it."""
    height, width = SIZES[size]
    torch.manual_seed(0)
    network = matting(
        BACKBONES[name],
        backbone_scale=0.125 if size == "4k" else 0.25,
        refine_mode="sampling",
        refine_sample_pixels=320_000 if size == "4k" else 80_000,  # 20,000 or 5,000 patches
        refine_prevent_oversampling=False,
        refine_patch_crop_method="roi_align",
        refine_patch_replace_method="scatter_element",
    )
    pair = (torch.rand(1, 3, height, width), torch.rand(1, 3, height, width))
    outputs = ["alpha", "foreground", "alpha_small", "foreground_small", "error", "refined"]
    _export(network, pair, ["frame", "plate"], outputs, exported(name, size))


def export_paper() -> None:
    """Export the network of 2020 with random weights at its own size, 512 x 512."""
    torch.manual_seed(0)
    names = {"frame": 3, "plate": 3, "prior": 1, "motion": 4}
    pictures = tuple(torch.rand(1, channels, 512, 512) for channels in names.values())
    _export(PaperNetwork(), pictures, [*names], ["alpha", "foreground"], exported("paper", "512"))


def _export(
    network: nn.Module,
    inputs: tuple[Tensor, ...],
    names: list[str],
    outputs: list[str],
    path: Path,
) -> None:
    print(path.name, flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with torch.no_grad():
        torch.onnx.export(
            network.eval(),
            inputs,
            str(unfinished),
            input_names=names,
            output_names=outputs,
            opset_version=17,
            dynamo=False,
        )
    unfinished.replace(path)


def _roi_align(picture: Tensor, boxes: Tensor, size: int, sampling_ratio: int) -> Tensor:
    """Call the operator itself, whether torchvision could load its own or not."""
    operator = torch.ops.torchvision.roi_align
    patches: Tensor = operator(picture, boxes, 1.0, size, size, sampling_ratio, False)
    return patches


def _shape_of_roi_align(
    picture: Tensor,
    boxes: Tensor,
    scale: float,
    height: int,
    width: int,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """Patches of the right shape and nothing in them: tracing needs no more."""
    return picture.new_zeros(boxes.shape[0], picture.shape[1], height, width)


if __name__ == "__main__":
    sys.exit(main())
