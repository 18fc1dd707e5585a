"""Adapter of MediaPipe's selfie segmentation through LiteRT. It does not use the plate."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found]

from rivals.jobs import Matte, Method, Picture, resized, run


def selfie(weights: Path | None) -> Method:
    """Run the general model: 256 x 256, 0..1; its answer is taken as it comes."""
    network = Interpreter(str(weights), num_threads=1)
    network.allocate_tensors()
    given, answer = (details[0]["index"] for details in _details(network))

    def method(frame: Picture, plate: Picture, place: str) -> Matte:
        small = resized(frame, 256, 256).astype(np.float32) / 255
        network.set_tensor(given, small[None])
        network.invoke()
        return np.array(network.get_tensor(answer)[0, :, :, 0])

    return method


def _details(network: Interpreter) -> tuple[list[dict[str, int]], list[dict[str, int]]]:
    return network.get_input_details(), network.get_output_details()


if __name__ == "__main__":
    run({"selfie": selfie})
