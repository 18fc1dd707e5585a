"""The generator of "Background Matting: The World is Your Green Screen" (CVPR 2020), to the letter.

It is here to be measured against and to be learned from; what ships is `compact.py`.
At 512 x 512 it has 17,908,420 parameters and costs 402 GMAC.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from cleanplate.errors import InputError

MOTION_FRAMES = (-2, -1, 1, 2)  # in units of the spacing T, around the frame in question
REC_601_LUMA = (0.299, 0.587, 0.114)  # weights of R, G, B in a grey frame


class PaperNetwork(nn.Module):
    """Context switching network (section 3.1 of the paper).

    Frame, plate, prior and motion are encoded apart. Three selectors each look at the frame's
    features beside those of one hint and keep 64 channels; the combinator mixes these with the
    frame's own, so that no single hint can be followed blindly.

    motion_selector_sees_plate: feed the motion selector the plate's features, as the published
        code does. Its author confirmed that this is a mistake: motion then never reaches the
        result and its encoder never learns. Keep it off, except to measure what it costs.
    """

    def __init__(self, motion_selector_sees_plate: bool = False) -> None:
        super().__init__()
        self.motion_selector_sees_plate = motion_selector_sees_plate
        self.encode_frame = _Encoder(3)
        self.encode_plate = _Encoder(3)
        self.encode_prior = _Encoder(1)
        self.encode_motion = _Encoder(len(MOTION_FRAMES))
        self.select_plate = _pointwise(2 * 256, 64)
        self.select_prior = _pointwise(2 * 256, 64)
        self.select_motion = _pointwise(2 * 256, 64)
        self.combine = _pointwise(256 + 3 * 64, 256)
        self.shared_blocks = _residual_blocks(7)
        self.alpha_blocks = _residual_blocks(3)
        self.alpha_to_half = _upsampled(256, 128)
        self.alpha_to_full = _upsampled(128, 64)
        self.alpha_head = _head(1)
        self.foreground_blocks = _residual_blocks(3)
        self.foreground_to_half = _upsampled(256, 128)
        self.foreground_to_full = _upsampled(128 + 128, 64)  # with the frame's own details
        self.foreground_head = _head(3)

    def forward(
        self, frame: Tensor, plate: Tensor, prior: Tensor, motion: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Alpha and straight foreground of a frame.

        frame, plate: N 3 H W, sRGB-encoded 0..1; prior: N 1 H W, 0..1;
        motion: N 4 H W, grey 0..1, from `motion_from` or `still_motion`.
        H and W are multiples of 4, at least 8; the paper uses 512 x 512.
        Returns alpha, N 1 H W in 0..1, and foreground, N 3 H W, meant as 0..1 but not clamped:
        a clamp would stop the gradient just where the colour is wrong.
        Raises InputError when the sizes do not fit.
        """
        _check_sizes(frame, plate, prior, motion)
        frame_features, frame_details = self.encode_frame(_signed(frame))
        plate_features, _ = self.encode_plate(_signed(plate))
        prior_features, _ = self.encode_prior(_signed(prior))
        motion_features, _ = self.encode_motion(_signed(motion))
        if self.motion_selector_sees_plate:
            motion_features = plate_features

        selected = [
            select(torch.cat([frame_features, hint_features], dim=1))
            for select, hint_features in (
                (self.select_plate, plate_features),
                (self.select_prior, prior_features),
                (self.select_motion, motion_features),
            )
        ]
        context = self.shared_blocks(self.combine(torch.cat([frame_features, *selected], dim=1)))

        alpha = self.alpha_to_full(self.alpha_to_half(self.alpha_blocks(context)))
        alpha = torch.tanh(self.alpha_head(alpha))
        foreground = self.foreground_to_half(self.foreground_blocks(context))
        foreground = self.foreground_to_full(torch.cat([foreground, frame_details], dim=1))
        foreground = self.foreground_head(foreground)
        return _unsigned(alpha), _unsigned(foreground)


def still_motion(frame: Tensor) -> Tensor:
    """Motion of a still: its grey frame, four times.

    frame: N 3 H W, 0..1. Returns N 4 H W, 0..1. (Section 3.1 of the paper.)
    """
    return _grey(frame).repeat(1, len(MOTION_FRAMES), 1, 1)


def motion_from(frames: Tensor, index: int, spacing: int = 20) -> Tensor:
    """Motion around one frame of a clip: the grey frames at -2T, -T, +T and +2T.

    frames: L 3 H W, 0..1, in order; index: the frame in question, 0..L-1; spacing: T, in frames.
    Beyond either end of the clip its first or last frame stands in.
    Returns 1 4 H W, 0..1. Raises InputError for an index outside the clip. (Section 3.1.)
    """
    last = frames.shape[0] - 1
    if not 0 <= index <= last:
        raise InputError(f"Frame {index} was asked for, but the clip has frames 0 to {last}.")
    nearby = [min(max(index + step * spacing, 0), last) for step in MOTION_FRAMES]
    return _grey(frames[nearby]).transpose(0, 1)


class _Encoder(nn.Module):
    """Features at a quarter of the size (256 channels) and at half of it (128 channels)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.to_half = nn.Sequential(
            nn.Conv2d(channels, 64, 7, padding=3, padding_mode="reflect"),
            *_normalized(64),
            nn.Conv2d(64, 128, 3, stride=2, padding=1),
            *_normalized(128),
        )
        self.to_quarter = nn.Sequential(
            nn.Conv2d(128, 256, 3, stride=2, padding=1), *_normalized(256)
        )

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        half = self.to_half(picture)
        return self.to_quarter(half), half


class _ResidualBlock(nn.Module):
    """Two 3x3 convolutions of 256 channels, added to what came in; nothing after the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(256, 256, 3, padding=1, padding_mode="reflect"),
            *_normalized(256),
            nn.Conv2d(256, 256, 3, padding=1, padding_mode="reflect"),
            nn.BatchNorm2d(256),
        )

    def forward(self, features: Tensor) -> Tensor:
        change: Tensor = self.change(features)
        return features + change


def _normalized(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(channels), nn.ReLU(inplace=True)


def _pointwise(channels_in: int, channels_out: int) -> nn.Sequential:
    # The only convolutions without a bias: selectors and combinator.
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 1, bias=False), *_normalized(channels_out)
    )


def _residual_blocks(count: int) -> nn.Sequential:
    return nn.Sequential(*(_ResidualBlock() for _ in range(count)))


def _upsampled(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
        nn.Conv2d(channels_in, channels_out, 3, padding=1),
        *_normalized(channels_out),
    )


def _head(channels: int) -> nn.Conv2d:
    return nn.Conv2d(64, channels, 7, padding=3, padding_mode="reflect")


def _grey(frame: Tensor) -> Tensor:
    weights = frame.new_tensor(REC_601_LUMA).view(1, 3, 1, 1)
    return functional.conv2d(frame, weights)


def _signed(picture: Tensor) -> Tensor:
    return picture * 2 - 1


def _unsigned(picture: Tensor) -> Tensor:
    return (picture + 1) / 2


def _check_sizes(frame: Tensor, plate: Tensor, prior: Tensor, motion: Tensor) -> None:
    height, width = frame.shape[-2:]
    if height % 4 or width % 4 or min(height, width) < 8:
        raise InputError(
            f"The frame is {height} x {width} (height x width); the 2020 network needs multiples "
            "of 4, at least 8. Resize or pad it first."
        )
    batch = frame.shape[0]
    inputs = {"frame": (frame, 3), "plate": (plate, 3), "prior": (prior, 1)}
    inputs["motion"] = (motion, len(MOTION_FRAMES))
    for name, (tensor, channels) in inputs.items():
        expected = (batch, channels, height, width)
        if tuple(tensor.shape) != expected:
            raise InputError(
                f"The {name} has the shape {tuple(tensor.shape)}; expected {expected}, "
                "in the order N C H W and of the frame's size."
            )
