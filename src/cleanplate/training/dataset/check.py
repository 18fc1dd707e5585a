"""Validate a data set, or pools that are to become one, and say what to fix."""

import tarfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cleanplate.errors import InputError, OutputError
from cleanplate.jobs.manifest import hash_file
from cleanplate.jobs.progress import frames_progress
from cleanplate.training.dataset.manifest import (
    MANIFEST,
    REPORT,
    ROLES,
    SPLITS,
    Manifest,
    Shard,
    read_manifest,
)
from cleanplate.training.dataset.page import WORDS, write_page
from cleanplate.training.dataset.plan import Judged, judge_backgrounds, judge_foregrounds
from cleanplate.training.dataset.sources import (
    NOT_STATED,
    Origin,
    Subjects,
    find_backgrounds,
    find_foregrounds,
)

FEW_SUBJECTS, FEW_BACKGROUNDS = 20, 50
SHOWN = 3  # names in a sentence


@dataclass(frozen=True)
class Finding:
    """Something to fix. wrong: it cannot be used as it is; otherwise it is worth a thought."""

    wrong: bool
    words: str


def check_dataset(folder: Path, subjects: Subjects, report: Path | None) -> list[Finding]:
    """Check a built data set (it has a manifest), or a folder of foregrounds.

    Of a folder that holds `foregrounds` and `backgrounds` both are looked at. report: page (HTML)
    to write with pictures of what is wrong, of pools only. Raises InputError where there is
    nothing to check, OutputError.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give a data set or a folder of cut-outs.")
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise OutputError(f"--report {report} is no page: name it .html.")
    if (folder / MANIFEST).is_file():
        if report is not None:
            raise InputError(
                f"--report shows pools, and {folder} is built from one already: leave it out, and "
                f"see {folder / REPORT}."
            )
        return _check_built(folder, read_manifest(folder))
    return _check_pools(folder, subjects, report)


def _check_built(folder: Path, manifest: Manifest) -> list[Finding]:
    found = list(_check_splits(manifest))
    with frames_progress("shards", len(manifest.shards)) as advance:
        for shard in manifest.shards:
            found += _check_shard(folder, shard)
            advance()
    known = {shard.path for shard in manifest.shards}
    lying = {path.relative_to(folder).as_posix() for path in folder.rglob("*.tar")}
    found += [
        Finding(True, f"{path} is not in the manifest: remove it, or build the set anew.")
        for path in sorted(lying - known)
    ]
    return [*found, *_check_origins([(e.name, e.licence) for e in manifest.entries])]


def _check_splits(manifest: Manifest) -> Iterable[Finding]:
    """See that nothing of a split is in the other, under whatever name."""
    train, held = (
        [e for kind in ("foreground", "background") for e in manifest.kept(kind, split)]
        for split in SPLITS
    )
    for what in ("subject", "sha256"):
        both = {getattr(e, what) for e in train} & {getattr(e, what) for e in held}
        if both:
            yield Finding(
                True, f"{len(both)} {what}s are in both splits, like {min(both)}: build anew."
            )
    names = {e.name for e in held}, {e.name for e in train}
    crossing = [e.name for e in train if names[0] & {*e.near}]
    crossing += [e.name for e in held if names[1] & {*e.near}]
    if crossing:
        yield Finding(True, f"{_named(crossing)} nearly repeat what is in the other split.")
    for kind in ("foreground", "background"):
        for split in SPLITS:
            if not manifest.kept(kind, split):
                yield Finding(True, f"There is no {kind} in the split {split}: add more.")


def _check_shard(folder: Path, shard: Shard) -> list[Finding]:
    path = folder / shard.path
    again = "build the set anew, or copy it again"
    if not path.is_file():
        return [Finding(True, f"{shard.path} is missing: {again}.")]
    if path.stat().st_size != shard.size or hash_file(path) != shard.sha256:
        return [Finding(True, f"{shard.path} is damaged, its hash is another: {again}.")]
    if "/composites/" not in shard.path:
        return []
    with tarfile.open(path, "r:") as tar:
        roles = Counter(name.split(".")[1] for name in tar.getnames())
    lacking = [role for role in (*ROLES, "json") if roles[role] != shard.samples]
    if lacking:
        return [Finding(True, f"{shard.path} lacks {', '.join(lacking)} of samples: {again}.")]
    return []


def _check_pools(folder: Path, subjects: Subjects, report: Path | None) -> list[Finding]:
    has_both = (folder / "foregrounds").is_dir()
    people = find_foregrounds(folder / "foregrounds" if has_both else folder, subjects, Origin())
    with frames_progress("foregrounds", len(people)) as advance:
        judged = judge_foregrounds(people, frozenset(), advance)
    found = _findings(judged)
    usable = [one for one in judged if not one.entry.problems]
    count = len({one.entry.subject for one in usable})
    if count < 2:
        found.append(
            Finding(
                True,
                f"All {len(usable)} usable foregrounds are of {count} subject(s), so none can be "
                "held out: add others, or say with --subjects how to tell them apart.",
            )
        )
    elif count < FEW_SUBJECTS:
        found.append(
            Finding(False, f"{count} subjects are few; {FEW_SUBJECTS} or more teach better.")
        )
    places = folder / "backgrounds"
    if places.is_dir():
        behind = find_backgrounds(places, Origin())
        with frames_progress("backgrounds", len(behind)) as advance:
            judged += (seen := judge_backgrounds(behind, advance))
        found += _findings(seen)
        if len(seen) < FEW_BACKGROUNDS:
            found.append(Finding(False, f"{len(seen)} backgrounds are few; take a hundred more."))
    elif has_both:
        found.append(Finding(True, f"{places} is missing: put photos without people there."))
    if report is not None:
        write_page(report, folder.name, judged)
    return [*found, *_check_origins([(one.entry.name, one.entry.licence) for one in judged])]


def _findings(judged: Sequence[Judged]) -> list[Finding]:
    found, kinds = [], Counter(p for one in judged for p in one.entry.problems)
    for kind, count in kinds.most_common():
        names = [one.entry.name for one in judged if kind in one.entry.problems]
        if kind in WORDS:
            found.append(Finding(True, f"{kind}, {count} x ({_named(names)}): {WORDS[kind]}."))
        else:
            found.append(Finding(True, kind))
    near = [one.entry.name for one in judged if one.entry.near]
    if near:
        found.append(
            Finding(False, f"{_named(near)} nearly repeat another picture: they teach little.")
        )
    return found


def _check_origins(said: Sequence[tuple[str, str]]) -> list[Finding]:
    unstated = [name for name, licence in said if licence == NOT_STATED]
    if not unstated:
        return []
    return [
        Finding(
            False,
            f"{_named(unstated)} state no licence: write a SOURCE.json with source and licence "
            "into their folder, or give --source and --licence to `dataset build`.",
        )
    ]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
