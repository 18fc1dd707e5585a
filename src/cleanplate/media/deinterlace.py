"""Whole frames out of interlaced ones."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import av
import av.filter

from cleanplate.errors import InputError
from cleanplate.media.clip_decode import TimedFrame


def deinterlaced(frames: Iterator[TimedFrame], flagged_only: bool) -> Iterator[TimedFrame]:
    """Deinterlace with FFmpeg's bwdif, a frame for a frame, times unchanged.

    flagged_only: leave frames alone that the stream calls progressive; False for streams that
    say nothing, where the user knows better.
    """
    graph: Any = None
    waiting: deque[TimedFrame] = deque()
    try:
        for timed in frames:
            if graph is None:
                graph = _graph(timed.frame, flagged_only)
            # The filter's own clock runs twice as fast; ours is kept beside it, in order.
            timed.frame.pts = timed.index
            waiting.append(timed)
            graph.push(timed.frame)
            yield from _ready(graph, waiting)
    except InputError:  # damage: what is still in the filter comes first
        if graph is not None:
            graph.push(None)
            yield from _ready(graph, waiting)
        raise
    if graph is not None:
        graph.push(None)
        yield from _ready(graph, waiting)


def _ready(graph: Any, waiting: deque[TimedFrame]) -> Iterator[TimedFrame]:
    while True:
        try:
            whole = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield replace(waiting.popleft(), frame=whole)


def _graph(frame: Any, flagged_only: bool) -> Any:
    graph = av.filter.Graph()
    # With matrix and range said, a change of format that the filter needs leaves both alone.
    size = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}"
    clock = f"time_base={frame.time_base.numerator}/{frame.time_base.denominator}"
    colour = f"colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
    source = graph.add("buffer", f"{size}:{clock}:{colour}")
    which = "interlaced" if flagged_only else "all"
    whole = graph.add("bwdif", f"mode=send_frame:parity=auto:deint={which}")
    sink = graph.add("buffersink")
    source.link_to(whole)
    whole.link_to(sink)
    graph.configure()
    return graph
