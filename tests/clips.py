"""Small clips made with PyAV, with everything that cameras and editors put into files."""

from fractions import Fraction

import av
import numpy as np
import pytest

from cleanplate.errors import InputError
from cleanplate.media.clip_read import ClipReader

# Red, green, blue, yellow, white, black, grey and skin: cells of 16 x 16 pixels, see `chart`.
CELLS = np.array(
    [
        [[0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.1, 0.2, 0.8], [0.8, 0.8, 0.1]],
        [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.8, 0.6, 0.5]],
    ]
)
CELL = 16
WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
MATRIX_NUMBERS = {"bt601": 6, "bt709": 1, "bt2020": 9}


def chart(height=2 * CELL, width=4 * CELL):
    """Known colours, H W 3 float64 0..1: CELLS, each CELL pixels, repeated to fill the size."""
    rows, columns = np.mgrid[0:height, 0:width] // CELL
    return CELLS[rows % 2, columns % 4]


def marked(index, height=48, width=64):
    """Chart whose lower left says which frame it is (see `index_of`): H W 3 float64."""
    picture = np.tile(np.linspace(0.2, 0.7, width)[None, :, None], (height, 1, 3))
    for bit in range(8):
        picture[-8:, 8 * bit : 8 * bit + 8] = 0.9 if index >> bit & 1 else 0.1
    return picture


def index_of(picture):
    """Frame number that `marked` wrote, from a decoded picture of any type (at least 64 wide)."""
    grey = picture[-6:-2, :64].astype(float).mean(axis=(0, 2)).reshape(8, 8)[:, 2:6].mean(axis=1)
    return int(((grey > np.iinfo(picture.dtype).max / 2) << np.arange(8)).sum())


def pictures(count, height=48, width=64):
    """Frames that know their number: `marked`, from 0 on."""
    return [marked(index, height, width) for index in range(count)]


def cells(picture):
    """Colours at the middle of the cells of `chart`, 0..1, alike CELLS."""
    middle = slice(CELL // 2, None, CELL)
    return picture[middle, middle][:2, :4] / np.iinfo(picture.dtype).max


def yuv(picture, matrix="bt709", full=False, bits=8):
    """RGB 0..1 to Y, U, V codes, H W 3, by the definition (H.273)."""
    red, blue = WEIGHTS[matrix]
    luma = picture @ np.array([red, 1 - red - blue, blue])
    u = (picture[..., 2] - luma) / (2 * (1 - blue))
    v = (picture[..., 0] - luma) / (2 * (1 - red))
    step, top, middle = 1 << (bits - 8), (1 << bits) - 1, 1 << (bits - 1)
    if full:
        codes = np.stack([luma * top, u * top + middle, v * top + middle], axis=-1)
    else:
        codes = np.stack(
            [luma * 219 * step + 16 * step, u * 224 * step + middle, v * 224 * step + middle],
            axis=-1,
        )
    return np.clip(np.rint(codes), 0, top).astype(int)


def frame_of(picture, pixel_format, matrix="bt709", full=False, alpha=None):
    """av.VideoFrame of a picture H W 3 (alpha: H W, 0..1); YUV planes by `yuv`, no scaler's."""
    height, width = picture.shape[:2]
    frame = av.VideoFrame(width, height, pixel_format)
    parts = frame.format.components
    bits = parts[0].bits
    if not frame.format.is_rgb and frame.format.is_planar:
        codes = yuv(picture, matrix, full, bits)
        channels = [codes[..., part] for part in range(min(3, len(parts)))]
    elif frame.format.is_planar:  # gbrp: components R, G, B point at planes 2, 0, 1
        channels = [np.rint(picture[..., part] * ((1 << bits) - 1)) for part in range(3)]
    else:
        return _packed(picture, alpha, pixel_format)
    if len(parts) == 4:
        opaque = np.ones((height, width)) if alpha is None else alpha
        channels.append(np.rint(opaque * ((1 << bits) - 1)))
    for part, channel in zip(parts, channels, strict=True):
        plane = frame.planes[part.plane]
        kind = np.uint8 if bits == 8 else np.uint16
        rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // np.dtype(kind).itemsize)
        down, across = -(-height // plane.height), -(-width // plane.width)
        rows[: plane.height, : plane.width] = channel[::down, ::across]
    return frame


def write_clip(
    path,
    pictures,
    *,
    codec="libx264",
    pixel_format="yuv420p",
    matrix="bt709",
    full=False,
    tags=None,
    rate=Fraction(25),
    times=None,
    time_base=None,
    rotation=None,
    aspect=None,
    alphas=None,
    sound=False,
    interlaced=False,
    options=None,
    muxer=None,
):
    """Write a clip.

    pictures: H W 3, 0..1, each; alphas: H W each. tags: (primaries, transfer) as H.273 numbers;
    False leaves matrix and range unsaid too. times: pts in ticks of time_base (variable rate).
    rotation: degrees counter-clockwise that a player turns by. sound: a tone, AAC or, in
    Matroska, WebM and others, Opus.
    """
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        context = stream.codec_context
        height, width = pictures[0].shape[:2]
        stream.height, stream.width, stream.pix_fmt = height, width, pixel_format
        context.time_base = time_base or 1 / Fraction(rate)
        if aspect is not None:
            context.sample_aspect_ratio = aspect
        if rotation is not None:
            stream.set_display_rotation(rotation)
        if interlaced:
            context.flags |= av.codec.context.Flags.interlaced_dct
            context.flags |= av.codec.context.Flags.interlaced_me
        if tags is not False and not av.VideoFormat(pixel_format).is_rgb:
            context.colorspace, context.color_range = MATRIX_NUMBERS[matrix], 2 if full else 1
        if tags:
            context.color_primaries, context.color_trc = tags
        tone = _add_tone(container, codec) if sound else None
        for number, picture in enumerate(pictures):
            alpha = None if alphas is None else alphas[number]
            frame = frame_of(picture, pixel_format, matrix, full, alpha)
            frame.pts = number if times is None else times[number]
            frame.time_base = context.time_base
            if tags is not False and not frame.format.is_rgb:
                frame.colorspace, frame.color_range = MATRIX_NUMBERS[matrix], 2 if full else 1
            if tags:
                frame.color_primaries, frame.color_trc = tags
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            _write_tone(container, tone, len(pictures) / float(rate))
    return path


def trimmed(path, seconds):
    """Hide the start of a MOV or MP4 behind an edit list, as tools do that trim without loss."""
    shown, options = path.with_stem("trimmed"), {"avoid_negative_ts": "disabled"}
    with av.open(str(path)) as source, av.open(str(shown), "w", container_options=options) as out:
        into = {each.index: out.add_stream_from_template(each) for each in source.streams}
        for packet in source.demux():
            if packet.size:
                ticks = round(seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
                packet.stream = into[packet.stream.index]
                out.mux(packet)
    return shown


def _packed(picture, alpha, pixel_format):
    height, width = picture.shape[:2]
    pixels = np.ones((height, width, 4))
    pixels[..., :3] = picture
    if alpha is not None:
        pixels[..., 3] = alpha
    if pixel_format == "rgb48be":
        return av.VideoFrame.from_ndarray(
            np.rint(pixels[..., :3] * 65535).astype(np.uint16), format="rgb48be"
        )
    frame = av.VideoFrame.from_ndarray(np.rint(pixels * 255).astype(np.uint8), format="rgba")
    return frame.reformat(format=pixel_format)


def _add_tone(container, codec):
    name = "aac" if container.format.name in ("mp4", "mov", "mpegts") else "libopus"
    return container.add_stream(name, rate=48000, layout="mono")


def _write_tone(container, stream, seconds):
    samples = (0.2 * np.sin(np.arange(int(48000 * seconds)) / 48000 * 2 * np.pi * 440)) * 32767
    for start in range(0, len(samples) - 959, 960):
        frame = av.AudioFrame.from_ndarray(
            samples[None, start : start + 960].astype(np.int16), format="s16", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def read(path, **options):
    """All frames of a clip, decoded on one thread."""
    with ClipReader(path, threads=1, **options) as reader:
        return list(reader)


def refused(action, *words):
    """Call it, expect one sentence for people that holds all words, return it."""
    with pytest.raises(InputError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    for word in words:
        assert word in message
    return message
