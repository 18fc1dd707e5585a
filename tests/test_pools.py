"""Pools of foregrounds and backgrounds, and what is said of those that cannot be used."""

import os
import re
import tarfile

import cv2
import numpy as np
import pytest

import pools
from cleanplate.errors import InputError, WeightsError
from cleanplate.training.data import (
    Blob,
    Item,
    Pool,
    hash_share,
    read_colour,
    read_foreground,
    read_pool,
    told_plainly,
)


def names(pool):
    return [item.name for group in pool.groups for item in group]


def items(count, prefix=""):
    return tuple(Item(f"{prefix}{index}.jpg", Blob(prefix)) for index in range(count))


def test_pairs_and_whole_files_are_foregrounds(tmp_path):
    pools.write_pair(tmp_path / "a", "one")
    pools.write_pair(tmp_path / "a", "two", ending="jpeg")
    pools.write_whole(tmp_path / "b" / "three.png")
    pools.write_whole(tmp_path / "b" / "four.webp")
    pools.write_room(tmp_path / "b" / "without-alpha.jpg")
    (tmp_path / "b" / "notes.txt").write_text("not a picture")
    pool = read_pool(tmp_path, foregrounds=True)
    expected = [os.path.join(*parts) for parts in (("a", "one.jpg"), ("a", "two.jpeg"))]
    expected += [os.path.join(*parts) for parts in (("b", "four.webp"), ("b", "three.png"))]
    assert names(pool) == expected
    assert [len(group) for group in pool.groups] == [2, 2]
    assert len(pool) == 4


def test_every_picture_is_a_background(tmp_path):
    for name in ("one.jpg", "deep/er/two.png", "three.TIF"):
        pools.write_room(tmp_path / name)
    pool = read_pool(tmp_path, foregrounds=False)
    assert sorted(names(pool)) == [os.path.join("deep", "er", "two.png"), "one.jpg", "three.TIF"]


def test_colour_is_rgb_and_as_it_was(tmp_path):
    pools.write_whole(tmp_path / "whole.png", seed=3)
    colour, alpha = read_foreground(read_pool(tmp_path, True).groups[0][0])
    colour_true, alpha_true = pools.cut_out(3)
    assert np.array_equal(colour, colour_true)
    assert np.array_equal(alpha, alpha_true[..., None])


def test_pair_is_read_from_two_files(tmp_path):
    pools.write_pair(tmp_path, "pair", seed=4)
    colour, alpha = read_foreground(read_pool(tmp_path, True).groups[0][0])
    colour_true, alpha_true = pools.cut_out(4)
    assert np.abs(colour.astype(int) - colour_true).mean() < 4  # it went through JPEG
    assert np.array_equal(alpha, alpha_true[..., None])


def test_sixteen_bit_becomes_eight(tmp_path):
    pools.write_whole(tmp_path / "deep.png", seed=5, depth=np.uint16)
    pools.write_whole(tmp_path / "flat.png", seed=5)
    deep, flat = read_pool(tmp_path, True).groups[0]
    for ours, theirs in zip(read_foreground(deep), read_foreground(flat), strict=True):
        assert ours.dtype == np.uint8
        assert np.array_equal(ours, theirs)


def test_capital_endings_pair_up(tmp_path):
    pools.write_pair(tmp_path, "one", ending="JPG")
    pools.write_pair(tmp_path, "two")
    (tmp_path / "two.png").rename(tmp_path / "two.PNG")
    pool = read_pool(tmp_path, foregrounds=True)
    assert names(pool) == ["one.JPG", "two.jpg"]
    assert all(item.alpha is not None for item in pool.groups[0])


def test_tar_shard_holds_the_same_as_a_folder(tmp_path):
    pools.write_pair(tmp_path / "loose", "one", seed=1)
    pools.write_whole(tmp_path / "loose" / "two.png", seed=2)
    pools.write_tar(tmp_path / "packed" / "shard.tar", tmp_path / "loose")
    loose = read_pool(tmp_path / "loose", True).groups[0]
    packed = read_pool(tmp_path / "packed", True).groups[0]
    assert [item.name for item in packed] == ["shard.tar/one.jpg", "shard.tar/two.png"]
    for ours, theirs in zip(loose, packed, strict=True):
        for first, second in zip(read_foreground(ours), read_foreground(theirs), strict=True):
            assert np.array_equal(first, second)


def test_shards_of_one_folder_are_one_group(tmp_path):
    pools.write_pair(tmp_path / "loose", "one")
    for name in ("0.tar", "1.tar"):
        pools.write_tar(tmp_path / "packed" / name, tmp_path / "loose")
    assert [len(group) for group in read_pool(tmp_path / "packed", True).groups] == [2]


def test_links_and_folders_in_a_shard_are_passed_over(tmp_path):
    pools.write_room(tmp_path / "loose" / "room.png")
    shard = tmp_path / "packed" / "shard.tar"
    pools.write_tar(shard, tmp_path / "loose")
    with tarfile.open(shard, "a") as archive:
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "room.png"
        archive.addfile(link)
        folder = tarfile.TarInfo("folder.png")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    assert names(read_pool(tmp_path / "packed", False)) == ["shard.tar/room.png"]


def test_group_is_drawn_by_the_square_root_of_its_size():
    pool = Pool((items(1, "small"), items(16, "large")))
    rng = np.random.default_rng(0)
    drawn = [pool.pick(rng).name for _ in range(2000)]
    small = sum(name.startswith("small") for name in drawn) / len(drawn)
    assert small == pytest.approx(1 / 5, abs=0.03)
    assert len(set(drawn)) == 17


def test_split_is_disjoint_and_complete():
    pool = Pool((items(500, "a"), *(items(1, f"{folder}/") for folder in range(300))))
    kept, held = pool.split(0.06)
    assert not set(names(kept)) & set(names(held))
    assert sorted(names(kept) + names(held)) == sorted(names(pool))
    assert set(names(held)) == {name for name in names(pool) if hash_share(name) < 0.06}
    assert len(held.groups[0]) / 500 == pytest.approx(0.06, abs=0.03)
    assert (len(held) - len(held.groups[0])) / 300 == pytest.approx(0.06, abs=0.03)


def test_split_keeps_to_the_name():
    """More pictures, another order: what was held out stays held out."""
    first = items(200, "a")
    held = set(names(Pool((first,)).split()[1]))
    more = Pool(((*reversed(first), *items(50, "b")),)).split()[1]
    assert held <= set(names(more))
    assert all(name.startswith("b") for name in set(names(more)) - held)


@pytest.mark.parametrize("share", [0, 0.06, 1])
def test_neither_part_of_a_small_pool_is_empty(share):
    kept, held = Pool((items(2, "a"), items(1, "b"))).split(share)
    assert sorted(names(kept) + names(held)) == ["a0.jpg", "a1.jpg", "b0.jpg"]
    assert len(kept) > 0
    assert len(held) > 0


def test_the_only_item_of_a_pool_is_in_both_parts():
    kept, held = Pool((items(1),)).split()
    assert names(kept) == names(held) == ["0.jpg"]


def test_pool_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="is not a folder"):
        read_pool(tmp_path / "nowhere", foregrounds=True)
    (tmp_path / "file.jpg").touch()
    with pytest.raises(InputError, match="is not a folder"):
        read_pool(tmp_path / "file.jpg", foregrounds=True)


def test_pool_without_pictures(tmp_path):
    with pytest.raises(InputError, match="holds no pictures"):
        read_pool(tmp_path, foregrounds=False)
    pools.write_room(tmp_path / "room.jpg")
    with pytest.raises(InputError, match=r"holds no foregrounds .*NAME\.png"):
        read_pool(tmp_path, foregrounds=True)


@pytest.mark.parametrize("content", [b"", b"this is no tar", b"\x1f\x8b\x08 and no gzip either"])
def test_damaged_shard(tmp_path, content):
    (tmp_path / "shard.tar").write_bytes(content)
    with pytest.raises(InputError, match=r"shard\.tar cannot be read as a tar shard"):
        read_pool(tmp_path, foregrounds=False)


@pytest.mark.parametrize("content", [b"", b"this is no picture"])
def test_damaged_picture(tmp_path, content):
    (tmp_path / "room.png").write_bytes(content)
    for foregrounds, read in ((False, read_colour), (True, read_foreground)):
        item = read_pool(tmp_path, foregrounds).groups[0][0]
        where = re.escape(str(tmp_path / "room.png"))
        with pytest.raises(InputError, match=f"^{where} cannot be read as a picture"):
            read(item)


def test_a_damaged_alpha_or_shard_is_named_by_its_place(tmp_path):
    pools.write_pair(tmp_path / "loose", "one")
    (tmp_path / "loose" / "one.png").write_bytes(b"this is no picture")
    pools.write_tar(tmp_path / "packed" / "shard.tar", tmp_path / "loose")
    for place in ("loose", "packed/shard.tar"):
        where = re.escape(str(tmp_path / place / "one.jpg"))
        with pytest.raises(InputError, match=f"^{where}: its alpha cannot be read"):
            read_foreground(read_pool(tmp_path / place.split("/")[0], True).groups[0][0])


def test_foreground_without_alpha(tmp_path):
    pools.write_room(tmp_path / "opaque.png")
    with pytest.raises(InputError, match=r"opaque\.png has no alpha"):
        read_foreground(read_pool(tmp_path, True).groups[0][0])


def test_sizes_that_differ(tmp_path):
    pools.write_pair(tmp_path, "pair")
    cv2.imwrite(str(tmp_path / "pair.png"), np.zeros((30, 20), np.uint8))
    with pytest.raises(InputError, match="colour is 48 x 72, alpha is 20 x 30"):
        read_foreground(read_pool(tmp_path, True).groups[0][0])


def test_floating_point_foreground(tmp_path):
    cv2.imwrite(str(tmp_path / "float.tif"), np.ones((8, 9, 4), np.float32))
    with pytest.raises(InputError, match=r"float\.tif is float32"):
        read_foreground(read_pool(tmp_path, True).groups[0][0])


def test_error_of_a_worker_keeps_its_own_sentence():
    def batches(message):
        yield 1
        raise WeightsError(message)

    said = "x.onnx is missing; export it."
    traceback = "Caught WeightsError in DataLoader worker process 0.\nOriginal Traceback:\n  File\n"
    for message in (said, f"{traceback}cleanplate.errors.WeightsError: {said}\n"):
        passed_on = told_plainly(batches(message))
        assert next(passed_on) == 1
        with pytest.raises(WeightsError) as caught:
            next(passed_on)
        assert str(caught.value) == said
