"""How good the averaged weights are on held-out samples: a number, and a sheet to look at."""

import json
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from cleanplate.training.networks.compact import CompactNetwork


@torch.no_grad()
def judge(
    average: CompactNetwork,
    held_out: list[dict[str, Tensor]],
    run: Path,
    samples: int,
    device: str,
) -> None:
    """MAD x 1e3 of the averaged weights on the held-out samples, and a sheet of the first ones."""
    rows, errors = [], []
    for index, sample in enumerate(held_out):
        pictures = {name: picture[None].to(device) for name, picture in sample.items()}
        prediction = average(pictures["frame"], pictures["plate"], pictures["prior"])
        errors.append(float((prediction.alpha - pictures["alpha"]).abs().mean()) * 1e3)
        if index < 16:
            grey = [
                picture.expand(-1, 3, -1, -1) for picture in (pictures["alpha"], prediction.alpha)
            ]
            row = [pictures["frame"], pictures["plate"], *grey, prediction.foreground.clamp(0, 1)]
            rows.append(torch.cat([*row, prediction.shadow.expand(-1, 3, -1, -1)], 3)[0].cpu())
    if rows:
        half = max(1, len(rows) // 2)
        columns = [rows[first : first + half] for first in range(0, len(rows) - half + 1, half)]
        sheet = torch.cat([torch.cat(column, 1) for column in columns], 2)
        pixels = (sheet.permute(1, 2, 0).numpy()[..., ::-1] * 255).astype(np.uint8)
        cv2.imwrite(str(run / "held-out.png"), pixels[::2, ::2])
        ordered = sorted(errors)
        summary = {"mean": sum(errors) / len(errors), "median": ordered[len(ordered) // 2]}
        with (run / "held-out.jsonl").open("a") as file:
            file.write(json.dumps({"samples": samples, "mad": summary}) + "\n")
