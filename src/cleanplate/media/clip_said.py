"""What a file says of itself, and what it holds besides picture and sound."""

from typing import Any

# By FFmpeg's names. The others tell of the file's own format, or where somebody was.
CARRIED = {
    *("title", "artist", "comment", "description", "copyright", "date", "creation_time"),
    *("make", "model", "timecode"),
}
BESIDES = {"subtitle": "subtitles", "attachment": "attachments", "data": "data"}


def said_by(container: Any, stream: Any) -> dict[str, str]:
    """Timecode, title, date and the like, by FFmpeg's names: what a cut of `stream` carries on.

    Each as the file says it of the whole, else of the picture or of the track for timecode.
    """
    said: dict[str, str] = {}
    for holder in (container, stream, *container.streams.data):
        for key, value in holder.metadata.items():
            if key.lower() in CARRIED and value:
                said.setdefault(key.lower(), value)
    return said


def besides(container: Any) -> str | None:
    """Name what else the file holds, which a cut leaves out: a phrase, or None."""
    kinds = {each.type for each in container.streams if "timecode" not in each.metadata}
    found = [name for kind, name in BESIDES.items() if kind in kinds]
    if container.chapters():
        found.append("chapters")
    return (
        f"holds {', '.join(found)} besides picture and sound: a cut leaves them out"
        if found
        else None
    )
