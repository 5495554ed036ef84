"""Files made to exhaust memory or time, or that are no state dictionaries: an error of one kind, at once."""

import io
import json
import pickle
import struct
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from limited_memory import output_within
from zoo_core.building import load_checkpoint
from zoo_core.checkpoints import LONGEST_PICKLE, read_state_dict
from zoo_core.checkpoints._pickles import check_pickle
from zoo_core.errors import CheckpointError


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    data = pickle.encode_long(value)
    return b"\x8a" + bytes([len(data)]) + data


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def group(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def storage(key: str, count: int, *, kind: str = "FloatStorage", device: str = "cpu") -> bytes:
    return group(text("storage"), name("torch", kind), text(key), text(device), number(count)) + b"Q"


def tensor(of: bytes, shape: tuple[int, ...], strides: tuple[int, ...] | None = None, offset: int = 0) -> bytes:
    strides = tuple(1 for _ in shape) if strides is None else strides
    hooks = name("collections", "OrderedDict") + b")R"
    arguments = (of, number(offset), group(*map(number, shape)), group(*map(number, strides)), b"\x89", hooks)
    return name("torch._utils", "_rebuild_tensor_v2") + group(*arguments) + b"R"


def state(*entries: tuple[str, bytes]) -> bytes:
    return b"\x80\x02}" + b"".join(text(key) + value + b"s" for key, value in entries) + b"."


GOOD = state(("weight", tensor(storage("0", 4), (4,))))


def archive(
    path: Path, content: bytes, data: bytes = bytes(16), *, packed: int = zipfile.ZIP_STORED, more: tuple = ()
) -> Path:
    with zipfile.ZipFile(path, "w", packed) as file:
        for member, member_data in (("a/data.pkl", content), ("a/data/0", data), ("a/version", b"3\n"), *more):
            file.writestr(member, member_data)
    return path


def older(path: Path, content: bytes) -> Path:
    """In the older form, with one storage."""
    parts = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    path.write_bytes(b"".join(parts) + content + pickle.dumps(["0"], 2) + struct.pack("<q", 4) + bytes(16))
    return path


def test_what_these_tests_write_is_read(tmp_path: Path) -> None:
    for path in (archive(tmp_path / "zip.pth", GOOD), older(tmp_path / "older.pth", older_view(GOOD))):
        assert torch.equal(read_state_dict(path)["weight"], torch.zeros(4))


def older_view(content: bytes) -> bytes:
    """In the older form, storages may be parts of others."""
    return content.replace(b"tQ", b"NtQ")


# Memory


def test_a_compressed_archive_is_refused_before_anything_is_inflated(tmp_path: Path) -> None:
    gigabytes = 3 << 30
    path = tmp_path / "zeros.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("a/data.pkl", state(("weight", tensor(storage("0", gigabytes // 4), (gigabytes // 4,)))))
        with file.open("a/data/0", "w", force_zip64=True) as member:
            for _ in range(64):
                member.write(bytes(1 << 20))  # the pickle claims more: nothing gets that far
    assert "compressed" in refused_within(0.9, path)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_compressed_member_is_enough(tmp_path: Path, which: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as file:
        for index, (member, data) in enumerate([("a/data.pkl", GOOD), ("a/data/0", bytes(16)), ("a/version", b"3")]):
            file.writestr(member, data, zipfile.ZIP_DEFLATED if index == which else zipfile.ZIP_STORED)
    with pytest.raises(CheckpointError, match=r"is compressed or encrypted, which torch\.save never does"):
        read_state_dict(tmp_path / "a.pth")


BOMBS = {
    "bytearray": name("builtins", "bytearray") + group(number(10**10)) + b"R",
    "Tensor": name("torch", "Tensor") + group(number(10**10)) + b"R",
    "FloatTensor": name("torch", "FloatTensor") + group(number(10**10)) + b"R",
    "UntypedStorage": name("torch.storage", "UntypedStorage") + group(number(10**10)) + b"R",
    "TypedStorage": name("torch.storage", "TypedStorage") + group(number(10**10)) + b"R",
    "doubled text": name("_codecs", "encode") + b"q\1" + text("a" * 999) + b"q\2" + 25 * (
        b"h\1" + b"h\2" + text("hex_codec") + b"\x86Rq\2"
    ),
    "more elements than the storage": tensor(storage("0", 4), (10**10,)),
    "one element many times": tensor(storage("0", 4), (10**5, 10**5), (0, 0)),
    "more than the member": tensor(storage("0", 10**10), (10**10,)),
    "an offset behind the end": tensor(storage("0", 4), (4,), offset=10**10),
    "a negative shape": tensor(storage("0", 4), (-4,)),
    "a negative storage": tensor(storage("0", -4), (4,)),
    "another storage": tensor(storage("1", 4), (4,)),
    "a million dimensions": tensor(storage("0", 4), 10_000 * (1,)),
    "empty dictionaries": b"(" + b"}" * LONGEST_PICKLE + b"t",
    "tuples of tuples": b")q\1" + b"".join(b"h\1h\1\x86q\1" for _ in range(60)) + b"}h\1Ns",
    "tuples of tuples, far": b")r\1\0\0\0" + b"".join(60 * [b"j\1\0\0\0h\1\x86r\1\0\0\0"]) + b"}h\1Ns",
}  # fmt: skip
"""Values that would take gigabytes, or for ever."""


def refused_within(
    gibibytes: float, *paths: Path, mapped: bool = True, as_integers: bool = False, seconds: float = 60
) -> str:
    code = """
import os, sys
os.environ["ZOO_MMAP"] = sys.argv[1]
as_integers = sys.argv[2] == "1"
from pathlib import Path
from zoo_core.checkpoints import read_state_dict
from zoo_core.errors import CheckpointError
for path in sys.argv[3:]:
    try:
        found = read_state_dict(Path(path), as_integers=as_integers)
        print("READ", path, {name: value.shape for name, value in found.items()})
    except CheckpointError as error:
        print(error)
"""
    printed = output_within(gibibytes, code, int(mapped), int(as_integers), *paths, seconds=seconds)
    assert "READ" not in printed
    assert printed.count("/") >= len(paths)
    return printed


@pytest.mark.parametrize(
    ("mapped", "as_integers"),
    [(True, False), (False, False), (True, True), (False, True)],
    ids=["mapped", "read at once", "integers, mapped", "integers, read at once"],
)
@pytest.mark.parametrize("form", ["zip", "older"])
def test_no_pickle_takes_more_memory_or_time_than_its_file_pays_for(
    tmp_path: Path, form: str, mapped: bool, as_integers: bool
) -> None:
    paths = []
    for index, value in enumerate(BOMBS.values()):
        content = state(("weight", value))
        path = tmp_path / f"{index}.pth"
        paths.append(archive(path, content) if form == "zip" else older(path, older_view(content)))
    refused_within(1.2, *paths, mapped=mapped, as_integers=as_integers)


@pytest.mark.parametrize("kind", BOMBS)
def test_what_only_calls_can_do_is_refused_by_name(kind: str) -> None:
    calls = {"bytearray", "Tensor", "FloatTensor", "UntypedStorage", "TypedStorage", "doubled text"}
    if kind in calls:
        with pytest.raises(ValueError, match="of which no tensor is made"):
            check_pickle(state(("weight", BOMBS[kind])), 0)


@pytest.mark.parametrize(
    ("as_integers", "message"), [(False, "[Ww]eights.?only"), (True, "posix.system, of which no int8 state is made")]
)
def test_another_refusal_stands_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_integers: bool, message: str
) -> None:
    monkeypatch.setattr("zoo_core.checkpoints._read.check_pickles", lambda file: None)
    call = name("posix", "system") + group(text(f"touch {tmp_path / 'run'}")) + b"R"
    with pytest.raises(CheckpointError, match=message):
        read_state_dict(archive(tmp_path / "a.pth", state(("weight", call))), as_integers=as_integers)
    assert not (tmp_path / "run").exists()


def test_a_pickle_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.pth", b"\x80\x02" + b"N0" * LONGEST_PICKLE)
    with pytest.raises(CheckpointError, match=r"data\.pkl' has 8,388,610 bytes, of at most 4,194,304"):
        read_state_dict(path)


# Archives that lie


def changed(path: Path, offset_in_entry: int, form: str, value: int, member: bytes = b"a/data/0") -> Path:
    """Change a field of a member's entry in the directory."""
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(member))
    struct.pack_into(form, data, entry + offset_in_entry, value)
    path.write_bytes(data)
    return path


LIES: dict[str, Callable[[Path], Path]] = {
    "packed size": lambda path: changed(path, 20, "<I", 15),
    "size": lambda path: changed(path, 24, "<I", 17),
    "both sizes": lambda path: changed(changed(path, 20, "<I", 10**9), 24, "<I", 10**9),
    "64-bit sizes without any": lambda path: changed(path, 24, "<I", 0xFFFFFFFF),
    "method": lambda path: changed(path, 10, "<H", 8),
    "encrypted": lambda path: changed(path, 8, "<H", 1),
    "place": lambda path: changed(path, 42, "<I", 10**6),
    "length of a name": lambda path: changed(path, 28, "<H", 60_000),
    "place of the pickle": lambda path: changed(path, 42, "<I", 3, b"a/data.pkl"),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_archive_that_lies_is_refused(tmp_path: Path, lie: str) -> None:
    with pytest.raises(CheckpointError, match=r"a\.pth cannot be read as a checkpoint: "):
        read_state_dict(LIES[lie](archive(tmp_path / "a.pth", GOOD)))


@pytest.mark.parametrize("count", [1, 3, 4, 100, 65535])
def test_a_directory_of_another_number_of_members_is_refused(tmp_path: Path, count: int) -> None:
    path = archive(tmp_path / "a.pth", GOOD)
    data = bytearray(path.read_bytes())
    struct.pack_into("<HH", data, len(data) - 14, count, count)
    path.write_bytes(data)
    if count == 3:
        read_state_dict(path)
    else:
        with pytest.raises(CheckpointError):
            read_state_dict(path)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.pth", GOOD, more=(("a/data.pkl", GOOD),))
    with pytest.raises(CheckpointError, match="a name is in the archive twice"):
        read_state_dict(path)


@pytest.mark.parametrize("added", [b"x", bytes(22), b"PK\x05\x06" + bytes(18)])
def test_what_follows_the_directory_is_refused(tmp_path: Path, added: bytes) -> None:
    path = archive(tmp_path / "a.pth", GOOD)
    path.write_bytes(path.read_bytes() + added)
    with pytest.raises(CheckpointError):
        read_state_dict(path)


def test_any_other_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as file:
        file.writestr("readme.txt", "nothing")
    with pytest.raises(CheckpointError, match=r"an archive without a pickle of torch\.save"):
        read_state_dict(tmp_path / "a.pth")


def test_archives_of_torch_with_64_bit_fields_are_read(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(3)}, tmp_path / "a.pth")
    assert torch.equal(read_state_dict(tmp_path / "a.pth")["weight"], torch.ones(3))


# What is no state dictionary


class Odd:
    pass


@pytest.mark.parametrize("as_integers", [False, True])
@pytest.mark.parametrize("form", ["zip", "older"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.ones(2), "expected tensors by name, found a Tensor"),
        ([torch.ones(2)], "expected tensors by name, found a list"),
        ((torch.ones(2),), "expected tensors by name, found a tuple"),
        (None, "expected tensors by name, found a NoneType"),
        (3, "expected tensors by name, found a int"),
        ("weight", "expected tensors by name, found a str"),
        ({1: torch.ones(2)}, "a name should be a text, found 1"),
        ({None: torch.ones(2)}, "a name should be a text, found a NoneType"),
        ({("a", "b"): torch.ones(2)}, "a name should be a text, found a tuple"),
        ({"a": 3}, "'a' should be a tensor, found 3"),
        ({"a": 3.5}, "'a' should be a tensor, found a float"),
        ({"a": "b"}, "'a' should be a tensor, found 'b'"),
        ({"a": None}, "'a' should be a tensor, found a NoneType"),
        ({"a": [torch.ones(2)]}, "'a' should be a tensor, found a list"),
        ({"epoch": 3, "model": {"a": torch.ones(2)}}, "'epoch' should be a tensor, found 3"),
        ({"model": {"a": torch.ones(2)}}, r"'model' should be a tensor, .* save it alone, .*checkpoint\['model'\]"),
        (Counter("aab"), r"names collections\.Counter, of which no tensor is made"),
        (nn.Linear(2, 2), r"names torch\.nn\.modules\.linear\.Linear, of which no tensor is made"),
        ({"a": torch.ones(2).to_sparse()}, r"names torch\._utils\._rebuild_sparse_tensor, of which"),
        ({"a": torch.ones(2, device="meta")}, r"names torch\._utils\._rebuild_meta_tensor_no_storage, of which"),
        ({"a": {1, 2}}, "cannot be read"),
        ({"a": Odd()}, "Odd, of which no tensor is made"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_state_dictionary_is_an_error_that_says_what_it_is(
    tmp_path: Path, form: str, value: object, message: str, as_integers: bool
) -> None:
    torch.save(value, tmp_path / "a.pth", _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(CheckpointError, match=rf"a\.pth .*{message}"):
        read_state_dict(tmp_path / "a.pth", as_integers=as_integers)


def test_a_storage_on_meta_is_refused_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.pth", state(("weight", tensor(storage("0", 4, device="meta"), (4,)))))
    with pytest.raises(CheckpointError, match="'weight' is on the device 'meta': the file states its shape, but not"):
        read_state_dict(path, map_location={})
    assert read_state_dict(path, map_location="meta")["weight"].is_meta


@pytest.mark.parametrize(
    "metadata",
    [3, [1], {1: {}}, {"": 3}, {"": {"version": "2"}}, {"": {"version": [2]}}],
    ids=str,
)
def test_versions_of_modules_that_are_none_are_refused(tmp_path: Path, metadata: object) -> None:
    found = OrderedDict(weight=torch.ones(2))
    found._metadata = metadata  # type: ignore[attr-defined]
    torch.save(found, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="version"):
        read_state_dict(tmp_path / "a.pth")


def test_a_dictionary_with_attributes_of_its_own_is_read_by_its_entries(tmp_path: Path) -> None:
    entries = text("weight") + tensor(storage("0", 4), (4,)) + b"s"
    attributes = b"}" + text("items") + text("nothing to call") + b"s" + text("keys") + b"Nsb"
    content = b"\x80\x02" + name("collections", "OrderedDict") + b")R" + entries + attributes + b"."
    found = read_state_dict(archive(tmp_path / "a.pth", content))
    assert list(found) == ["weight"]
    assert [tuple(value.shape) for value in found.values()] == [(4,)]


@pytest.mark.parametrize("value", [(1, 2), torch.float32])
@pytest.mark.parametrize("classifiers", [("fc",), ()])
def test_no_tensor_where_a_model_has_one_is_an_error_that_names_it(value: object, classifiers: tuple) -> None:
    model = nn.Sequential(OrderedDict(fc=nn.Linear(2, 2)))
    model.classifiers = classifiers  # type: ignore[assignment]
    with pytest.raises(CheckpointError, match=r"it holds a (tuple|dtype) as fc\.weight, which should be a tensor"):
        load_checkpoint(model, {"fc.weight": value, "fc.bias": torch.ones(2)}, source="it")  # type: ignore[dict-item]


# Safetensors


def safetensors(path: Path, header: bytes, data: bytes = b"") -> Path:
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    return path


WRONG_VERSION = json.dumps(json.dumps({"names": ["a"], "versions": {"": {"version": "2"}}})).encode()
ENTRY = b'{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (b'{"a":%s,"a":%s}' % (ENTRY, ENTRY), bytes(4)),
        (b'{"a":%s,"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}' % ENTRY, bytes(8)),
        (b'{"a":%s,"b":%s}' % (ENTRY, ENTRY), bytes(4)),
        (b'{"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}', bytes(4)),
        (b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}', b""),
        (b'{"a":{"dtype":"F32","shape":[%s],"data_offsets":[0,4]}}' % b",".join(10_000 * [b"1"]), bytes(4)),
        (b'{"a":' * 100_000, b""),
        (b"[" * 100_000, b""),
        (b'{"__metadata__":{"zoo":"[]"},"a":%s}' % ENTRY, bytes(4)),
        (b'{"__metadata__":{"zoo":"%s"},"a":%s}' % (b"[" * 100_000, ENTRY), bytes(4)),
        (b'{"__metadata__":{"zoo":%s},"a":%s}' % (WRONG_VERSION, ENTRY), bytes(4)),
        (b'{"\xff":%s}' % ENTRY, bytes(4)),
    ],
    ids=lambda value: repr(value)[:60],
)  # fmt: skip
def test_safetensors_that_lie_are_refused(tmp_path: Path, header: bytes, data: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"a\.safetensors "):
        read_state_dict(safetensors(tmp_path / "a.safetensors", header, data))


def test_names_of_a_header_are_read_however_they_are_escaped(tmp_path: Path) -> None:
    header = b'{"a":%s,"\\u0061b":{"dtype":"U8","shape":[],"data_offsets":[4,5]}}' % ENTRY
    assert sorted(read_state_dict(safetensors(tmp_path / "a.safetensors", header, bytes(5)))) == ["a", "ab"]


# What is vetted is what torch reads


def test_every_pickle_of_a_state_is_let_through_and_every_cut_of_it_is_not() -> None:
    file = io.BytesIO()
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    torch.save(model.state_dict(), file)
    content = zipfile.ZipFile(file).read("archive/data.pkl")
    assert check_pickle(content, 0) == len(content)
    for end in range(len(content)):
        with pytest.raises(ValueError, match="cut off"):
            check_pickle(content[:end], 0)
