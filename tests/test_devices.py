"""Devices that are asked for: taken, or refused in words."""

import onnxruntime
import pytest

from cleanplate import devices, doctor
from cleanplate.devices import PROVIDERS, choose_device
from cleanplate.errors import DeviceError
from cleanplate.network import load_model

there_is_a_gpu = PROVIDERS["cuda"] in onnxruntime.get_available_providers() and devices.starts(
    "cuda"
)
pytestmark = pytest.mark.skipif(there_is_a_gpu, reason="there is a GPU")


@pytest.fixture
def offered(monkeypatch):
    """What onnxruntime-gpu says on a machine that has no driver."""
    providers = [PROVIDERS["cuda"], PROVIDERS["cpu"]]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    devices.starts.cache_clear()
    yield
    devices.starts.cache_clear()


def test_a_device_that_is_not_offered_is_refused():
    with pytest.raises(DeviceError, match=r"offers only .*install onnxruntime-gpu"):
        choose_device("cuda")
    with pytest.raises(DeviceError, match="not known"):
        choose_device("abacus")
    assert choose_device("auto") == "cpu"


def test_a_device_that_is_offered_and_does_not_start_is_refused(offered, capfd):
    with pytest.raises(DeviceError, match=r"cannot start it here.*use --device cpu"):
        load_model(device="cuda")
    assert capfd.readouterr() == ("", "")  # nothing of what ONNX Runtime mutters


def test_auto_takes_what_starts_and_the_doctor_says_so(offered):
    assert choose_device("auto") == "cpu"
    assert load_model(device="auto", threads=1).device == "cpu"
    assert "cpu, for CUDA cannot be started" in "\n".join(doctor.report())
