"""Small data sets of classes and objects in the layouts of ImageNet, Kinetics, YOLO and Pascal VOC."""

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from video.encoding import encode

ALL_SYNSETS = tuple(f"n{10_000_000 + 37 * number:08}" for number in range(1000))
"""As many as ImageNet has, sorted."""
SYNSETS = ALL_SYNSETS[:20]
"""As many as tests have that do not need a thousand folders."""
IDS = {synset: (place * 7 + 3) % 20 + 1 for place, synset in enumerate(SYNSETS)}
"""ILSVRC's ids, which are not places among the sorted synsets."""


def image(path: Path, width: int = 8, height: int = 6, **options: Any) -> Path:
    """Write an image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (90, 120, 30)).save(path, **options)
    return path


def text(path: Path, *lines: str) -> Path:
    """Write lines of text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def video(path: Path, clips: Iterable[int], frames_each: int = 8) -> Path:
    """Write a video at 10 frames a second that shows one grey level after the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = [level for level in clips for _ in range(frames_each)]
    return encode(path, (np.full((16, 16, 3), level, np.uint8) for level in levels))


def synset_folders(root: Path, names: Sequence[str] = SYNSETS, images: Mapping[str, int] | None = None) -> Path:
    """Write folders of synsets, with so many images in some."""
    for name in names:
        (root / name).mkdir(parents=True)
    for name, count in (images or {}).items():
        for number in range(count):
            image(root / name / f"{number}.JPEG")
    return root


def flat_images(root: Path, numbers: Iterable[int]) -> None:
    """Write images called as those of ImageNet's validation."""
    for number in numbers:
        image(root / f"ILSVRC2012_val_{number:08}.JPEG")


def development_kit(root: Path, synsets: Sequence[str], *, meta: bool = True) -> Path:
    """Write ImageNet's development kit; the images show these synsets."""
    folder = root / "ILSVRC2012_devkit_t12" / "data"
    text(folder / "ILSVRC2012_validation_ground_truth.txt", *(str(IDS[synset]) for synset in synsets))
    if meta:
        records = [(IDS[synset], synset, 0) for synset in SYNSETS] + [(21, "n00001740", 3)]
        (folder / "meta.mat").write_bytes(mat_file("synsets", sorted(records)))
    return folder


def mat_file(name: str, records: Sequence[tuple[int, str, int]], *, order: str = "<") -> bytes:
    """Return a compressed MATLAB file of level 5 with an array of structs."""
    fields = ["ILSVRC2012_ID", "WNID", "num_children"]
    parts = [_element(5, struct.pack(f"{order}i", 32), order)]
    parts.append(_element(1, b"".join(field.encode().ljust(32, b"\0") for field in fields), order))
    for number, synset, children in records:
        parts.append(_matrix(6, "", (1, 1), _element(9, struct.pack(f"{order}d", number), order), order))
        parts.append(_matrix(4, "", (1, len(synset)), _element(16, synset.encode(), order), order))
        parts.append(_matrix(9, "", (1, 1), _element(2, bytes([children]), order), order))
    matrix = _matrix(2, name, (len(records), 1), b"".join(parts), order)
    compressed = zlib.compress(matrix)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(f"{order}H", 0x100) + {"<": b"IM", ">": b"MI"}[order]
    return header + struct.pack(f"{order}II", 15, len(compressed)) + compressed


def _matrix(kind: int, name: str, dims: tuple[int, ...], content: bytes, order: str) -> bytes:
    flags = _element(6, struct.pack(f"{order}II", kind, 0), order)
    sizes = _element(5, struct.pack(f"{order}{len(dims)}i", *dims), order)
    body = flags + sizes + _element(1, name.encode(), order) + content
    return struct.pack(f"{order}II", 14, len(body)) + body


def _element(kind: int, data: bytes, order: str) -> bytes:
    if 0 < len(data) <= 4:  # in the tag itself
        return struct.pack(f"{order}I", len(data) << 16 | kind) + data.ljust(4, b"\0")
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def voc_xml(path: Path, *objects: str) -> Path:
    """Write a file of annotations."""
    return text(path, "<annotation>", *objects, "</annotation>")


def voc_object(name: str, box: tuple[object, object, object, object], difficult: int = 0) -> str:
    """Return an object of a file of annotations; `box` is xmin, ymin, xmax, ymax."""
    names = ("xmin", "ymin", "xmax", "ymax")
    sides = "".join(f"<{side}>{value}</{side}>" for side, value in zip(names, box, strict=True))
    return f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>{sides}</bndbox></object>"
