"""What is opened: the file that was named or given, as one of the formats on the list, and nothing else."""

import io
import os
import socket
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from video.encoding import encode, grey_frames
from zoo_video.io import VideoError, iterate, probe, read_clips, read_frames, read_video

READERS = [read_video, probe, read_clips, lambda source: read_frames(source, [0])]


@pytest.fixture
def clip(tmp_path):
    return encode(tmp_path / "clip.mp4", grey_frames(12))


@pytest.fixture
def server():
    """A port of this machine, and whether anybody has called."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening
        listening.settimeout(0.05)
        with pytest.raises(TimeoutError):
            listening.accept()


NAMES = [
    "take:1.mp4",
    "-x.mp4",
    "file:clip.mp4",
    "pipe:0",
    "concat:a|b",
    "%03d.mp4",
    "a\nb.mp4",
    "*.mp4",
    "data:,x",
    "é.mp4",
]


@pytest.mark.parametrize("name", [*NAMES, "é.mp4", os.fsdecode(b"\xff\xfe.mp4")])
@pytest.mark.parametrize("as_source", [str, Path, lambda name: io.BytesIO(Path(name).read_bytes())])
def test_any_name_is_that_of_a_local_file(clip, monkeypatch, name, as_source):
    monkeypatch.chdir(clip.parent)
    clip.rename(name)
    source = as_source(name)
    assert len(read_video(source).frames) == 12
    assert len(read_frames(source, [3, 4]).frames) == 2


def test_name_that_looks_like_an_address_makes_no_connection(clip, monkeypatch, server):
    monkeypatch.chdir(clip.parent)
    name = f"http:127.0.0.1:{server.getsockname()[1]}?.mp4"
    clip.rename(name)
    assert len(read_video(name).frames) == 12


@pytest.mark.parametrize("read", READERS)
def test_addresses_are_not_opened(read, server):
    with pytest.raises(FileNotFoundError, match="URLs are not opened: download the file"):
        read(f"http://127.0.0.1:{server.getsockname()[1]}/clip.mp4")


PLAYLISTS = {
    "concat": "ffconcat version 1.0\nfile clip.mp4\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nclip.mp4\n#EXT-X-ENDLIST\n",
    "hls to a server": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "dash": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period></Period></MPD>',
    "subtitles of another file": "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n",
    "script": "<html><body>sign in</body></html>",
    "picture": "P6 2 2 255\n............",
}


@pytest.mark.parametrize("text", PLAYLISTS.values(), ids=PLAYLISTS)
@pytest.mark.parametrize("as_source", [lambda path: path, Path.read_bytes, lambda path: io.BytesIO(path.read_bytes())])
@pytest.mark.parametrize("suffix", ["mp4", "m3u8", "sdp"])
def test_text_that_names_other_files_opens_none(clip, monkeypatch, server, text, as_source, suffix):
    monkeypatch.chdir(clip.parent)
    path = Path(f"list.{suffix}")
    path.write_text(text.replace("{port}", str(server.getsockname()[1])))
    started = time.monotonic()
    for read in READERS:
        with pytest.raises(VideoError, match="cannot be read as a video"):
            read(as_source(path))
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF", "WEBP"])
def test_what_ffmpeg_could_read_but_is_not_on_the_list_is_refused(tmp_path, kind):
    path = tmp_path / "picture.mp4"
    Image.new("RGB", (64, 48)).save(path, kind)
    with pytest.raises(VideoError, match="it has none of the formats that are read, or is damaged"):
        read_video(path)


def with_reference(clip, target):
    """Return an MP4 whose media data is said to be in another file, as QuickTime writes it."""
    content = bytearray(clip.read_bytes())
    entry = content.index(b"dref") + 12
    assert content[entry : entry + 8] == b"\0\0\0\x0curl "
    name = os.fsencode(target)
    path = (2).to_bytes(2, "big") + len(name).to_bytes(2, "big") + name + b"\0" * (len(name) % 2)
    alias = bytearray(150) + path + b"\xff\xff\0\0"
    alias[4:8] = len(alias).to_bytes(4, "big")
    record = (len(alias) + 12).to_bytes(4, "big") + b"alis" + b"\0\0\0\0" + alias
    content[entry : entry + 12] = record
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        at = content.index(box) - 4
        size = int.from_bytes(content[at : at + 4], "big") + len(record) - 12
        content[at : at + 4] = size.to_bytes(4, "big")
    return bytes(content)


def test_mp4_that_refers_to_another_file_opens_none(tmp_path, clip):
    private = tmp_path / "pipe"
    os.mkfifo(private)  # whoever opens it waits for ever
    with pytest.raises(VideoError, match="has a video stream without frames"):
        read_video(with_reference(clip, private))


def test_what_ffmpeg_asks_to_open_is_refused(clip):
    from zoo_video.io._container import VideoFile

    with VideoFile.opened(clip) as video:
        with pytest.raises(PermissionError):
            video.container.io_open("file:/etc/passwd", 0, {})
        with pytest.raises(VideoError, match=r"refers to another file, 'file:/etc/passwd', which is not opened"):
            video.source.check()


@contextmanager
def pipe_of(content):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        with os.fdopen(writing, "wb") as file:
            file.write(content)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb", buffering=0) as file:
        yield file


def test_pipes_are_read_in_order_and_refused_where_they_would_be_wound_back(tmp_path):
    content = encode(tmp_path / "clip.mkv", grey_frames(12)).read_bytes()
    with pipe_of(content) as file:
        assert sum(1 for _ in iterate(file, start=0.5)) == 7
    with pipe_of(content) as file, pytest.raises(VideoError, match="cannot be wound back: read it in order"):
        read_frames(file, [3])


@pytest.mark.parametrize("read", READERS)
def test_names_of_pipes_and_devices_are_refused_at_once(tmp_path, read):
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", "/dev/zero"):
        with pytest.raises(VideoError, match="is a pipe or a device"):
            read(path)


def test_file_object_is_read_from_its_beginning_and_stays_open(clip):
    with clip.open("rb") as file:
        for _ in range(2):
            assert len(read_video(file).frames) == 12
        assert not file.closed


class Given:
    """A file object that gives what a function says, and cannot be wound back."""

    def __init__(self, read):
        self.read = read


@pytest.mark.parametrize("read", READERS)
def test_file_opened_as_text_is_a_type_error(tmp_path, read):
    path = tmp_path / "clip.txt"
    path.write_text("x" * 1000)
    with (
        path.open() as file,
        pytest.raises(TypeError, match=r"read\(\d+\) should return so many bytes at most, found str"),
    ):
        read(file)


def test_file_object_that_gives_more_than_it_is_asked_for_is_refused():
    with pytest.raises(TypeError, match="should return so many bytes at most, found 1000000 bytes"):
        read_video(Given(lambda count: b"x" * 1_000_000))


@pytest.mark.parametrize("after", [0, 400])
def test_error_of_a_file_object_reaches_the_caller(tmp_path, after):
    content = io.BytesIO(encode(tmp_path / "clip.mkv", grey_frames(12)).read_bytes())

    def read(count):
        if content.tell() >= after:
            raise ConnectionResetError("the server went away")
        return content.read(min(count, 200))

    with pytest.raises(ConnectionResetError, match="the server went away"):
        read_video(Given(read))


def test_sources_that_never_end_are_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_VIDEO_SECONDS", "0.5")
    content = io.BytesIO(encode(tmp_path / "clip.mkv", grey_frames(12)).read_bytes()[:-200])

    def slowly(count):
        time.sleep(0.02)
        return content.read(1)

    def for_ever(count):
        return content.read(count) or b"\xec\x40\xff" * (count // 3)  # elements of nothing

    for read in (slowly, for_ever):
        content.seek(0)
        started = time.monotonic()
        with pytest.raises(VideoError, match=r"gave no frame in 0\.5 s of reading.*ZOO_VIDEO_SECONDS"):
            list(iterate(Given(read)))
        assert time.monotonic() - started < 5


def test_time_that_the_caller_takes_does_not_count(clip, monkeypatch):
    monkeypatch.setenv("ZOO_VIDEO_SECONDS", "0.2")
    frames = iterate(clip)
    next(frames)
    time.sleep(0.4)
    assert sum(1 for _ in frames) == 11


def test_file_that_grows_ends_where_it_ended(tmp_path):
    path = encode(tmp_path / "clip.ts", grey_frames(12))
    frames = iterate(path)
    next(frames)
    with path.open("ab") as file:
        file.write(path.read_bytes())
    assert sum(1 for _ in frames) == 11


@pytest.mark.parametrize("source", [None, 3, ["clip.mp4"]])
def test_what_is_no_source_is_a_type_error(source):
    with pytest.raises(TypeError, match="Expected a path, bytes, or a file opened in binary mode"):
        read_video(source)
