"""On which device, in which number format and order in memory training computes fastest."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from cleanplate.errors import DeviceError


def pick_device(wanted: str) -> str:
    """`cpu` or `cuda`; raises DeviceError instead of falling back in silence."""
    if wanted not in ("auto", "cpu", "cuda"):
        raise DeviceError(f"Device {wanted!r} is not known; use cpu, cuda or auto.")
    device = wanted if wanted != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError("--device cuda was asked for, but torch sees no GPU; use --device cpu.")
    return device


def has_bfloat16(device: str) -> bool:
    """Whether the device computes in bfloat16 itself: where it is only emulated it is slow."""
    if torch.device(device).type == "cuda":
        able: bool = torch.cuda.is_bf16_supported(including_emulation=False)
        return able
    supported: bool = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return supported and _has_instructions()


def half_precision(device: str) -> AbstractContextManager[object]:
    """Mixed precision in bfloat16 where the device has it; nothing elsewhere."""
    if not has_bfloat16(device):
        return nullcontext()
    return torch.autocast(torch.device(device).type, torch.bfloat16)


@contextmanager
def memory_explained() -> Iterator[None]:
    """Say what to do where a GPU's memory is full."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceError(
            "The GPU's memory is full: give a smaller --batch or --size, or stop what else uses it."
        ) from error


def memory_format(device: str) -> torch.memory_format:
    """Channels last pays for bfloat16; in float32 on a CPU the compact network is slower so."""
    return torch.channels_last if has_bfloat16(device) else torch.contiguous_format


def _has_instructions() -> bool:
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16"))
