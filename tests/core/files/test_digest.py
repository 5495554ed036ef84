"""SHA-256 digests, whole and in file names."""

import hashlib

import pytest

from zoo_core.files import Digest, file_of_url, sha256_of

FULL = hashlib.sha256(b"weights").hexdigest()


def test_file_is_hashed_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"weights")
    assert sha256_of(path) == FULL


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet50-11ad3fa6.pth", Digest("11ad3fa6")),
        ("shufflenetv2_x0.5-f707e7126e.pth", Digest("f707e7126e")),
        ("resnet18_fbgemm_16fa66dd.pth", Digest("16fa66dd", confirmed=False)),
        ("model.pth", None),
        ("model-abc.pth", None),
    ],
)
def test_digest_is_read_off_the_file_name(name, expected):
    assert Digest.in_file_name(name) == expected


def test_prefix_matches_the_digests_that_begin_with_it():
    assert Digest(FULL[:8]).matches(FULL)
    assert not Digest("00000000").matches(FULL)


@pytest.mark.parametrize("digits", ["", "1234567", "ABCDEF01", "xyzxyzxy", FULL + "0"])
def test_what_is_no_digest_is_refused(digits):
    with pytest.raises(ValueError, match="hexadecimal"):
        Digest(digits)


def test_stated_digest_that_contradicts_the_file_name_is_refused():
    with pytest.raises(ValueError, match="contradicts its file name"):
        file_of_url("A.B", "https://host/model-00000000.pth", Digest(FULL))


@pytest.mark.parametrize("url", ["https://host/", "https://host", "https://host/..", "https://host/a%5Cb"])
def test_url_without_a_file_name_is_refused(url):
    with pytest.raises(ValueError, match="Expected the URL of a file"):
        file_of_url("A.B", url)
