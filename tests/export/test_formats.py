"""Each format: what is read back from a file, and that it gives what the model gives. What is not here is skipped."""

import json
import struct
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import zoo_digits
from zoo_core import get_weight
from zoo_export import ExportError, certificate, export, load_exported, verify
from zoo_export._facts import KEY
from zoo_export.formats import FORMATS, _format, format_of, get_format, onnx
from zoo_export.formats._flatbuffer import read_constant
from zoo_export.formats._protobuf import read_metadata

from .makers import DIGITS

SAMPLES = Path(str(zoo_digits.__file__)).parent / "samples"
pytestmark = pytest.mark.filterwarnings("ignore")  # the converters' are about themselves
CONVERTED = [
    pytest.param(
        name,
        marks=[
            pytest.mark.slow,
            pytest.mark.skipif(bool(get_format(name).missing), reason=f"needs {', '.join(get_format(name).missing)}"),
        ],
    )
    for name in FORMATS
    if name != "pt2"
]


def picture(name: str) -> np.ndarray:
    return np.asarray(Image.open(SAMPLES / f"{name}.png").convert("RGB"))


@pytest.fixture(scope="module")
def files(tmp_path_factory, digits_file):
    """The embedded model in a format."""
    made = {"pt2": digits_file}

    def file(name: str) -> Path:
        if name not in made:
            path = tmp_path_factory.mktemp("formats") / f"digits{get_format(name).suffix}"
            export(DIGITS, name, path, size=None if get_format(name).any_length else (64, 64))
            made[name] = path
        return made[name]

    return file


@pytest.mark.parametrize("name", ["pt2", *CONVERTED])
def test_a_file_says_everything_and_gives_the_label(name, files):
    exported = load_exported(files(name))
    member = get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT")
    facts = exported.facts
    assert facts.format == name
    assert facts.categories == tuple(member.meta["categories"])
    assert (facts.sha256, facts.license) == (str(member.file.digest), member.file.license)
    assert facts.preprocessing["std"] == [0.35, 0.35, 0.35]
    assert set(get_format(name).needs) <= set(facts.versions)
    for label in ("seven", "two"):
        probabilities = exported(picture(label)[None])["probabilities"][0]
        assert facts.categories[probabilities.argmax()] == label


@pytest.mark.parametrize("name", ["pt2", *CONVERTED])
def test_facts_are_read_without_a_runtime(name, files):
    code = (
        "import sys; from pathlib import Path; from zoo_export.formats import format_of; p = Path(sys.argv[1]);"
        "print(format_of(p).facts(p).task);"
        "assert not {'torch', 'numpy', 'onnx', 'onnxruntime', 'openvino', 'executorch'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(files(name))], capture_output=True, text=True, check=True)
    assert done.stdout == "classification\n"


@pytest.mark.parametrize("name", CONVERTED)
def test_a_certificate_is_beside_each_and_can_be_repeated(name, files):
    assert certificate.Certificate.read(certificate.certificate_path(files(name))).holds
    assert verify(files(name)).holds


WITHOUT_TORCH_AND_ZOO = """
import json, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch" or name.startswith("zoo"):
            raise ImportError(name)

sys.meta_path.insert(0, Blocked())
import numpy, onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1])
facts = json.loads(session.get_modelmeta().custom_metadata_map["zoo"])
picture = numpy.asarray(Image.open(sys.argv[2]).convert("RGB"))[None]
(probabilities,) = session.run(None, {facts["inputs"][0]["name"]: picture})
print(facts["categories"][probabilities[0].argmax()])
assert not {"torch", "zoo_core", "zoo_export"} & set(sys.modules)
"""


@pytest.mark.parametrize("name", [each for each in CONVERTED if each.values[0] == "onnx"])
def test_an_onnx_file_and_a_picture_give_the_label_without_torch_and_zoo(name, files):
    command = [sys.executable, "-c", WITHOUT_TORCH_AND_ZOO, str(files(name)), str(SAMPLES / "five.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "five\n"


@pytest.mark.parametrize("name", [each for each in CONVERTED if each.values[0] == "onnx"])
def test_names_of_inputs_outputs_and_axes_are_in_the_onnx_file(name, files):
    import onnxruntime

    session = onnxruntime.InferenceSession(files(name))
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type, taken.shape) == ("images", "tensor(uint8)", ["batch", "height", "width", 3])
    assert (given.name, given.shape) == ("probabilities", ["batch", 10])


def message(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def test_rules_that_are_left_out_are_among_those_that_the_converter_has():
    rewriter = pytest.importorskip("onnxscript.rewriter")
    before = rewriter._DEFAULT_REWRITE_RULES
    assert {rule.name for rule in before} > onnx.SLOW_RULES
    with onnx._without_slow_rules():
        assert {rule.name for rule in rewriter._DEFAULT_REWRITE_RULES} == {
            rule.name for rule in before
        } - onnx.SLOW_RULES
    assert rewriter._DEFAULT_REWRITE_RULES is before


def test_a_converter_that_keeps_its_rules_elsewhere_is_left_alone(monkeypatch):
    rewriter = pytest.importorskip("onnxscript.rewriter")
    monkeypatch.delattr(rewriter, "_DEFAULT_REWRITE_RULES")
    with onnx._without_slow_rules():
        assert not hasattr(rewriter, "_DEFAULT_REWRITE_RULES")


def test_metadata_of_onnx_are_read_past_everything_else(tmp_path):
    pair = message(1, KEY.encode()) + message(2, b"{}")
    path = tmp_path / "some.onnx"
    path.write_bytes(b"\x08\x0a" + message(7, b"weights") + b"\x2d\0\0\0\0" + b"\x31" + bytes(8) + message(14, pair))
    assert read_metadata(path) == {KEY: "{}"}


@pytest.mark.parametrize(
    "content",
    [b"\x0b", b"\x3a\x7fshort", b"\xff" * 12, message(14, b"\x08\x01"), message(14, message(1, b"\xff"))],
    ids=["group", "short", "endless number", "no text", "no UTF-8"],
)
def test_damaged_onnx_files_are_refused(content, tmp_path):
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    with pytest.raises(ExportError, match=r"damaged\.onnx cannot be read as ONNX"):
        read_metadata(path)


def flatbuffer(method: str, text: str) -> bytes:
    """Return a program of ExecuTorch with one method that gives a text: tables before what their offsets lead to."""
    made = bytearray(struct.pack("<I4s", 0, b"ET12"))

    def lead(place: int) -> None:  # the offset there leads to what comes next
        made.extend(bytes(-len(made) % 4))
        struct.pack_into("<I", made, place, len(made) - place)

    def table(*fields: int | None) -> tuple[int, ...]:
        """Add a table in front of its numbers, and return where its fields are: of a width, or with their defaults."""
        start, size = len(made), 4 + 4 * len(fields)
        made.extend(struct.pack("<i", -size) + bytes(size - 4))
        places = [0 if width is None else 4 + 4 * number for number, width in enumerate(fields)]
        made.extend(struct.pack(f"<{2 + len(places)}H", 4 + 2 * len(places), size, *places))
        return tuple(start + place for place in places)

    def string(value: str) -> None:
        made.extend(struct.pack("<I", len(value.encode())) + value.encode() + b"\0")

    lead(0)
    _, plans = table(None, 4)
    lead(plans)
    made.extend(struct.pack("<II", 1, 0))
    lead(len(made) - 4)
    name, _, values = table(4, None, 4)
    lead(name)
    string(method)
    lead(values)
    made.extend(struct.pack("<III", 2, 0, 0))
    one, two = len(made) - 8, len(made) - 4
    lead(one)
    kind, value = table(1, 4)
    made[kind] = 2  # an integer
    lead(value)
    table(None)
    lead(two)
    kind, value = table(1, 4)
    made[kind] = 6  # a text
    lead(value)
    (place,) = table(4)
    lead(place)
    string(text)
    return bytes(made)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.onnx", b"", "was not exported by zoo"),
        ("a.xml", b"<net/>", "was not exported by zoo"),
        ("a.xml", b"no xml", "cannot be read as a model of OpenVINO"),
        ("a.pte", b"no program", "cannot be read as a program of ExecuTorch"),
        ("a.pte", flatbuffer("forward", ""), "was not exported by zoo"),
        ("a.aoti.pt2", b"no archive", "cannot be read as a package of AOTInductor"),
        ("a.aoti.pt2", b"PK\x05\x06" + bytes(18), "was not exported by zoo"),
    ],
)
def test_files_of_others_are_refused(name, content, text, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ExportError, match=text):
        format_of(path).facts(path)


def test_entities_in_xml_are_refused(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text('<!DOCTYPE net [<!ENTITY a "aaaa">]><net><rt_info><zoo value="{}"/></rt_info></net>')
    with pytest.raises(ExportError, match="it declares entities"):
        format_of(path).facts(path)


def test_facts_of_a_newer_zoo_are_refused_with_what_to_do(tmp_path):
    path = tmp_path / "a.xml"
    facts = json.dumps({"zoo_export": 9}).replace('"', "&quot;")
    path.write_text(f'<net><rt_info><zoo value="{facts}"/></rt_info></net>')
    with pytest.raises(ExportError, match="install a newer zoo-export"):
        format_of(path).facts(path)


def test_another_suffix_is_no_format(tmp_path):
    with pytest.raises(ValueError, match=r"expected one of \.pt2, \.aoti\.pt2, \.onnx, \.xml, \.pte"):
        load_exported(__file__)


@pytest.mark.parametrize(
    ("path", "name"), [("a.pt2", "pt2"), ("a.b.pt2", "pt2"), ("a.aoti.pt2", "aoti"), ("aoti.pt2", "pt2")]
)
def test_what_is_compiled_is_told_from_what_is_recorded_by_its_name(path, name):
    assert format_of(Path(path)).name == name


def test_a_recorded_program_is_not_called_as_a_compiled_one(tmp_path):
    with pytest.raises(ValueError, match=r"Files of the format pt2 end in \.pt2, found new\.aoti\.pt2"):
        export(DIGITS, "pt2", tmp_path / "new.aoti.pt2")


def test_without_a_compiler_nothing_is_built_to_be_compiled(monkeypatch, tmp_path):
    def none():
        raise FileNotFoundError("g++")

    monkeypatch.setattr("torch._inductor.cpp_builder.get_cpp_compiler", none)
    monkeypatch.setattr("zoo_export._export.built_model", None)
    with pytest.raises(ExportError, match=r"aoti compiles the model, which needs a C\+\+ compiler, .* install g\+\+"):
        export(DIGITS, "aoti", tmp_path / "new.aoti.pt2")


@pytest.mark.parametrize(
    "processor",
    [{"AOTI_PLATFORM": "plan9"}, {"AOTI_MACHINE": "vax"}, {"AOTI_CPU_ISA": "AVX512 AVX512_VNNI"}],
    ids=["system", "machine", "instructions"],
)
def test_machine_code_for_another_processor_is_not_loaded(processor, digits_file, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "AVX2")
    path = tmp_path / "other.aoti.pt2"
    facts = {KEY: get_format("pt2").facts(digits_file).to_json()}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other/data/aotinductor/model/x_metadata.json", json.dumps(facts | processor))
    with pytest.raises(ExportError, match=f"was compiled for .*{next(iter(processor.values()))}.* and this is"):
        load_exported(path)


def test_what_a_method_gives_is_read_past_everything_else(tmp_path):
    path = tmp_path / "some.pte"
    path.write_bytes(flatbuffer(KEY, "größer") + b"weights")
    assert read_constant(path, KEY) == "größer"
    assert read_constant(path, "other") is None


@pytest.mark.parametrize("length", [0, 3, 8, 20, 40, 60, 100, 150])
def test_programs_that_are_cut_off_are_refused(length, tmp_path):
    path = tmp_path / "damaged.pte"
    whole = flatbuffer(KEY, "text")
    assert length < len(whole)
    path.write_bytes(whole[:length])
    with pytest.raises(ExportError, match=r"damaged\.pte cannot be read as a program of ExecuTorch: it "):
        read_constant(path, KEY)


def test_a_format_whose_libraries_are_not_here_says_what_to_install(monkeypatch):
    form = get_format("onnx")
    monkeypatch.setattr(type(form), "needs", ("no_such_module",))
    with pytest.raises(ExportError, match=r"onnx needs no_such_module: pip install 'zoo-export\[onnx\]'"):
        form.require()


@pytest.mark.parametrize(
    ("name", "module"), [("onnx", "onnxruntime"), ("openvino", "openvino"), ("executorch", "executorch")]
)
def test_a_runtime_that_is_not_here_is_told_before_it_is_imported(name, module, tmp_path, monkeypatch):
    path = tmp_path / f"file{get_format(name).suffix}"
    path.write_bytes(b"")
    monkeypatch.setitem(sys.modules, module, None)  # as Python has it for what cannot be imported
    monkeypatch.setattr(_format, "find_spec", lambda found: None if found == module else True)
    with pytest.raises(ExportError, match=rf"{name} needs {module}: pip install 'zoo-export\[{name}\]'"):
        load_exported(path)


@pytest.mark.parametrize(
    ("distributions", "expected"),
    [({"onnxruntime": ["onnxruntime-gpu"]}, "1.19.2"), ({}, "1.19.2+own"), (None, "unknown")],
)
def test_a_module_of_a_package_with_another_name_has_its_version(distributions, expected, monkeypatch):
    def version(name):
        if name == "onnxruntime-gpu":
            return "1.19.2"
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", version)
    monkeypatch.setattr("importlib.metadata.packages_distributions", lambda: distributions or {})
    module = SimpleNamespace() if distributions is None else SimpleNamespace(__version__="1.19.2+own")
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    form = get_format("onnx")
    monkeypatch.setattr(type(form), "needs", ("onnxruntime",))
    assert form.versions() == {"onnxruntime": expected}
