"""Each sample used several times, while slow processes make the next ones: a GPU starves else."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from cleanplate.composite import over
from cleanplate.errors import DeviceError

RECOMBINED = 0.35  # of the samples drawn: their subject stands in another one's scene
FROM_SCENE = ("plate", "background", "valid")
SHARE = 0.5  # of a GPU's free memory at most; the rest is for the training


def free_memory(device: str) -> int | None:
    """Bytes that are free on a GPU; None for a processor."""
    return torch.cuda.mem_get_info(device)[0] if torch.device(device).type == "cuda" else None


class Replay:
    """The latest samples, in half precision on the device; the oldest makes room for the newest.

    capacity: samples to keep, fewer where they would take more than half of a GPU's free memory.
    Drawn ones are float32, half of them mirrored.
    """

    def __init__(self, capacity: int, device: str) -> None:
        self.capacity, self.device = capacity, device
        self.kept: dict[str, Tensor] = {}
        self.added = 0

    def add(self, batch: dict[str, Tensor]) -> None:
        """Keep a batch: pictures N C H W, of the same names and sizes every time.

        Raises DeviceError where not even one batch can be kept.
        """
        count = len(next(iter(batch.values())))
        if not self.kept:
            self._fit(sum(2 * picture[0].numel() for picture in batch.values()), count)
        places = torch.arange(self.added, self.added + count, device=self.device) % self.capacity
        for name, picture in batch.items():
            if name not in self.kept:
                shape = (self.capacity, *picture.shape[1:])
                self.kept[name] = torch.zeros(shape, dtype=torch.float16, device=self.device)
            moved = picture.to(self.device, non_blocking=True)
            self.kept[name][places] = moved.half()
        self.added += count

    def _fit(self, sample: int, count: int) -> None:
        """Lower the capacity to what the device has room for: samples of so many bytes."""
        free = free_memory(self.device)
        if free is None:
            return
        self.capacity = min(self.capacity, int(SHARE * free) // sample)
        if self.capacity < count:
            raise DeviceError(
                f"The GPU has {free / 1e9:.1f} GB free, too little to keep samples for --replay: "
                "leave it out, or give a smaller --size."
            )

    def draw(self, count: int) -> dict[str, Tensor]:
        """Draw so many at random."""
        chosen = torch.randint(min(self.added, self.capacity), (count,), device=self.device)
        mirrored = torch.rand((count, 1, 1, 1), device=self.device) < 0.5
        batch = {name: kept[chosen].float() for name, kept in self.kept.items()}
        return {
            name: torch.where(mirrored, picture.flip(3), picture) for name, picture in batch.items()
        }


def replayed(
    batches: Iterable[dict[str, Tensor]], times: int, capacity: int, device: str
) -> Iterator[dict[str, Tensor]]:
    """Yield `times` batches, drawn from the latest `capacity` samples, for each that comes in."""
    replay = Replay(capacity, device)
    for batch in batches:
        replay.add(batch)
        for _ in range(times):
            yield replay.draw(len(next(iter(batch.values()))))


def recombine(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put some of the subjects, with their shadows and priors, into other samples' scenes.

    batch: as `synthesis.Sample`, N C H W. The new frames have noise of 0 to 4 levels, no codec.
    """
    count, device = len(batch["frame"]), batch["frame"].device
    moved = torch.rand((count, 1, 1, 1), device=device) < RECOMBINED
    order = torch.randperm(count, device=device)
    mixed = batch | {name: batch[name][order] for name in FROM_SCENE}
    frame = over(mixed["foreground"], mixed["alpha"], mixed["background"] * mixed["shadow"])
    levels = 4 * torch.rand((count, 1, 1, 1), device=device) / 255
    mixed["frame"] = (frame + levels * torch.randn_like(frame)).clamp(0, 1)
    return {name: torch.where(moved, mixed[name], picture) for name, picture in batch.items()}
