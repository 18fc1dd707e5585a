"""ONNX Runtime sessions, on a device that was asked for and no other."""

import contextlib
import io
import os
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import cv2

from cleanplate.errors import DeviceError, WeightsError

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
QUIET, WARNINGS = 4, 2  # of what ONNX Runtime logs


def choose_device(device: str) -> str:
    """`cpu` or `cuda`; `auto` is CUDA where it can be started.

    Raises DeviceError instead of falling back in silence.
    """
    import onnxruntime

    offered = onnxruntime.get_available_providers()
    if device == "auto":
        return "cuda" if PROVIDERS["cuda"] in offered and starts("cuda") else "cpu"
    if device not in PROVIDERS:
        raise DeviceError(f"Device {device!r} is not known; use cpu, cuda or auto.")
    if PROVIDERS[device] not in offered:
        raise DeviceError(
            f"Device {device} was asked for, but this ONNX Runtime offers only "
            f"{', '.join(offered)}; install onnxruntime-gpu, or use --device cpu."
        )
    return device


@cache
def starts(device: str) -> bool:
    """Whether it works: ONNX Runtime also offers CUDA where there is no driver or library."""
    smallest = Path(str(resources.files("cleanplate"))) / "weights" / "compact.refiner.onnx"
    try:
        open_session(smallest, device, 1)
    except DeviceError:
        return False
    return True


@cache
def has_integer_products() -> bool:
    """Whether the processor adds up products of 8-bit integers in one step (VNNI).

    There networks in integers are quicker than in floating point. Only Linux is asked.
    """
    try:
        said = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return any(flag in said for flag in ("avx512_vnni", "avx_vnni"))


def open_session(path: Path, device: str, threads: int) -> Any:
    """Load weights (.onnx) on `cpu` or `cuda`.

    Raises WeightsError where they cannot be read, DeviceError where the device cannot be started.
    """
    import onnxruntime

    if not path.is_file():
        raise WeightsError(
            f"{path} does not exist: check the name and the folder, or export the weights again."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Sizes change from frame to frame of a clip, and a plan of memory would be kept for each.
    options.enable_mem_pattern = False
    # Idle threads that wait by spinning would take the cores from the stage that comes next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if device == "cuda":
        _find_cuda()
    onnxruntime.set_default_logger_severity(QUIET)  # a provider that fails is said below
    # The window that is looked at changes from frame to frame: cuDNN is not to try all ways of
    # computing a convolution for every size of it.
    offered = {"cudnn_conv_algo_search": "HEURISTIC"} if device == "cuda" else {}
    providers = [(PROVIDERS[device], offered)]
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        raise WeightsError(f"{path} cannot be loaded as weights ({error}).") from error
    finally:
        onnxruntime.set_default_logger_severity(WARNINGS)
    if PROVIDERS[device] not in session.get_providers():
        raise DeviceError(
            f"ONNX Runtime offers {device}, but cannot start it here: it wants an NVIDIA driver, "
            "CUDA and cuDNN (pip install 'onnxruntime-gpu[cuda,cudnn]'). Or use --device cpu."
        )
    return session


@cache
def _find_cuda() -> None:
    """Load the libraries that pip installed beside ONNX Runtime, where there are any."""
    import onnxruntime

    if hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
            onnxruntime.preload_dlls()


def limit_threads(threads: int | None) -> None:
    """Hold OpenCV to so many threads, in the whole process; None leaves it alone."""
    if threads is not None:
        cv2.setNumThreads(threads)


def usable_cores() -> int:
    """Cores that this process may use; a container often has fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
