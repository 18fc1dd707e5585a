"""Clips from one bucket to another, through the protocol of S3, spoken by a server here."""

import pytest

import takes
from cleanplate.media.remote import is_there, list_urls
from commands import run

moto_server = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store():
    """A file system of a store with the buckets `takes` and `cuts`; fsspec finds it by itself."""
    with pytest.MonkeyPatch.context() as patch:
        server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        server.start()
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        made = s3fs.S3FileSystem()
        for bucket in ("takes", "cuts"):
            made.mkdir(bucket)
        yield made
        s3fs.S3FileSystem.clear_instance_cache()
        server.stop()


@pytest.fixture
def filled(store, tmp_path, monkeypatch):
    """The buckets with two takes and a plate in the first, nothing in the second."""
    monkeypatch.chdir(tmp_path)
    takes.write_scene(tmp_path, count=2)
    store.put_file("plate.png", "takes/plate.png")
    for name in "ab":
        takes.write_take(f"{name}.mkv", count=2)
        store.put_file(f"{name}.mkv", f"takes/new/{name}.mkv")
    return store


def names(store, bucket):
    store.invalidate_cache()
    return sorted(name.removeprefix(f"{bucket}/") for name in store.find(bucket))


def cut(*given):
    return run("cut", *given, "--plate", "s3://takes/plate.png", "--no-align", "--threads", 1)


def test_from_bucket_to_bucket(filled):
    out = ["-o", "s3://cuts/today/{name}.mkv", "--matte", "s3://cuts/today/{name}-matte.mkv"]
    out += ["--report", "s3://cuts/pages/{name}.html"]
    result = cut("s3://takes/new/*.mkv", *out)
    assert result.exit_code == 0, result.output
    made = ["pages/a.html", "pages/b.html", "today/a-matte.mkv", "today/a.mkv"]
    made += ["today/b-matte.mkv", "today/b.mkv"]
    assert names(filled, "cuts") == made  # and no half files
    filled.get_file("cuts/today/b.mkv", "b-cut.mkv")
    filled.get_file("cuts/today/b-matte.mkv", "b-matte.mkv")
    assert len(takes.frames_of("b-cut.mkv")) == len(takes.frames_of("b-matte.mkv")) == 2
    again = cut("s3://takes/new/*.mkv", *out)
    assert again.exit_code == 0
    assert "2 of 2 clips are there already" in again.stderr


def test_what_a_store_says_is_passed_on(filled):
    assert list_urls("s3://takes/new/*.mkv") == ["s3://takes/new/a.mkv", "s3://takes/new/b.mkv"]
    assert not is_there("s3://cuts/nothing.mkv")
    missing = cut("s3://takes/new/c.mkv", "-o", "s3://cuts/c.mkv")
    none = cut("s3://nowhere/*.mkv", "-o", "s3://cuts/{name}.mkv")
    mistyped = cut("s3://takes/new/a.mkv", "-o", "s3://cutss/a.mkv")
    assert (missing.exit_code, none.exit_code, mistyped.exit_code) == (2, 2, 2)
    assert "there is no bucket cutss" in mistyped.stderr
    assert "cutss" not in filled.ls("")
    assert "s3://takes/new/c.mkv" in missing.stderr
    assert "s3://nowhere/*.mkv" in none.stderr
