"""Images, videos and folders of images, as programs read them."""

import pytest
import torch
from PIL import Image

from video.encoding import encode, grey_frames
from zoo_torchvision import datasets, io

PIXELS = torch.randint(0, 256, (3, 5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_a_picture_is_written_and_read(tmp_path):
    io.write_png(PIXELS, tmp_path / "a.png")
    assert torch.equal(io.read_image(tmp_path / "a.png"), PIXELS)
    assert torch.equal(io.decode_png(io.read_file(tmp_path / "a.png")), PIXELS)
    io.write_jpeg(torch.full((1, 8, 8), 100, dtype=torch.uint8), str(tmp_path / "a.jpg"), quality=95)
    grey = io.decode_jpeg(io.read_file(tmp_path / "a.jpg"))
    assert grey.shape == (1, 8, 8)
    assert (grey.int() - 100).abs().max() <= 2


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("P", 1), ("1", 1), ("I;16", 1)]
)
def test_channels_are_the_files_unless_others_are_asked_for(mode, channels, tmp_path):
    Image.new(mode, (4, 3)).save(tmp_path / "a.png")
    assert io.read_image(tmp_path / "a.png").shape == (channels, 3, 4)
    for wanted, count in [("GRAY", 1), (io.ImageReadMode.GRAY_ALPHA, 2), ("rgb", 3), (io.ImageReadMode.RGB_ALPHA, 4)]:
        assert io.read_image(tmp_path / "a.png", wanted).shape == (count, 3, 4)


def test_the_numbers_of_a_label_map_stay_and_colours_come_when_they_are_asked_for(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "a.png")
    assert io.read_image(tmp_path / "a.png").tolist() == [[[0, 1]]]
    assert io.read_image(tmp_path / "a.png", "RGB").tolist() == [[[0, 255]], [[0, 0]], [[0, 0]]]
    assert io.read_image(tmp_path / "a.png", io.ImageReadMode.RGBA).shape == (4, 1, 2)
    assert io.read_image(tmp_path / "a.png", "RGBA").shape == (4, 1, 2)


def test_all_frames_of_an_animation_are_read(tmp_path):
    first, *others = (Image.new("RGB", (4, 3), colour) for colour in ("red", "lime", "blue"))
    first.save(tmp_path / "moves.gif", save_all=True, append_images=others)
    first.save(tmp_path / "stands.gif")
    frames = io.read_image(tmp_path / "moves.gif")
    assert frames.shape == (3, 3, 3, 4)
    assert frames[:, :, 0, 0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert io.read_image(tmp_path / "stands.gif").shape == (3, 3, 4)


def test_lists_of_jpegs_are_written_and_read():
    written = io.encode_jpeg([PIXELS, PIXELS[:1]])
    assert [each.shape for each in io.decode_jpeg(written)] == [(3, 5, 7), (1, 5, 7)]
    with pytest.raises(ValueError, match="should be uint8"):
        io.encode_jpeg([PIXELS, PIXELS.float()])


def test_the_orientation_counts_if_it_is_asked_for(tmp_path):
    image = Image.new("RGB", (4, 3))
    image.getexif()[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=image.getexif())
    assert io.read_image(tmp_path / "a.jpg").shape == (3, 3, 4)
    assert io.read_image(tmp_path / "a.jpg", apply_exif_orientation=True).shape == (3, 4, 3)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n broken"])
def test_a_file_that_is_no_image_is_a_runtime_error_that_names_it(content, tmp_path):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(RuntimeError, match=r"a\.png is not an image"):
        io.read_image(tmp_path / "a.png")


@pytest.mark.parametrize(
    "call",
    [
        lambda: io.encode_png(PIXELS.float()),
        lambda: io.encode_png(PIXELS, compression_level=10),
        lambda: io.encode_jpeg(PIXELS, quality=0),
        lambda: io.decode_image(PIXELS),
    ],
)
def test_what_cannot_be_encoded_is_refused(call):
    with pytest.raises(ValueError, match=r"should be|Expected bytes"):
        call()


def test_a_video_is_read_in_part_and_in_either_layout(tmp_path):
    path = encode(tmp_path / "a.mp4", grey_frames(10), rate=10)
    frames, sound, info = io.read_video(path)
    assert frames.shape == (10, 48, 64, 3)
    assert sound.shape == (1, 0)
    assert info["video_fps"] == pytest.approx(10)
    part, _, _ = io.read_video(path, 0.2, 0.4, pts_unit="sec", output_format="TCHW")
    assert torch.equal(part, frames[2:5].permute(0, 3, 1, 2))


def test_times_in_a_files_own_unit_are_refused(tmp_path):
    with pytest.raises(ValueError, match="pass seconds, with pts_unit='sec'"):
        io.read_video(tmp_path / "a.mp4", 0, 5)
    with pytest.raises(ValueError, match="either 'THWC' or 'TCHW', got CHW"):
        io.read_video(tmp_path / "a.mp4", output_format="CHW")


@pytest.fixture
def folder(tmp_path):
    for name in ("cat/1.png", "cat/deep/2.png", "dog/3.JPG", "dog/notes.txt"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("") if path.suffix == ".txt" else Image.new("L", (3, 2), 9).save(path)
    return tmp_path / "images"


def test_images_are_read_from_a_folder_for_each_class(folder):
    data = datasets.ImageFolder(folder, transform=lambda image: image.mode, target_transform=lambda number: -number)
    assert data.classes == ["cat", "dog"]
    assert data.class_to_idx == {"cat": 0, "dog": 1}
    assert [path.rpartition("images/")[2] for path, _ in data.imgs] == ["cat/1.png", "cat/deep/2.png", "dog/3.JPG"]
    assert data.targets == [0, 0, 1]
    assert data[2] == ("RGB", -1)
    assert len(data) == 3


def test_images_are_those_of_torchvision_with_its_pixels(folder):
    (folder / "cat" / "moves.gif").write_bytes(b"is no image there")
    image = Image.new("RGBA", (4, 2), (10, 20, 30, 0))
    image.save(folder / "dog" / "clear.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (4, 2)).save(folder / "dog" / "turned.jpg", exif=turned)
    data = datasets.ImageFolder(folder)
    assert [path.rpartition("/")[2] for path, _ in data.imgs][-3:] == ["3.JPG", "clear.png", "turned.jpg"]
    assert len(data) == 5
    assert data[3][0].getpixel((0, 0)) == (10, 20, 30)
    assert data[4][0].size == (4, 2)
    assert (datasets.is_image_file("a.PNG"), datasets.is_image_file("a.gif")) == (True, False)


def test_a_data_set_of_ones_own_transforms_by_what_it_was_given(folder):
    class Own(datasets.VisionDataset):
        def __getitem__(self, index):
            return self.transforms(index, index)

        def __len__(self):
            return 9

        def extra_repr(self):
            return "Split: train"

    assert Own(folder, transform=lambda image: image + 1)[3] == (4, 3)
    assert Own(folder, target_transform=lambda target: -target)[3] == (3, -3)
    assert Own(folder, transforms=lambda image, target: (target, image + 1))[3] == (3, 4)
    assert Own(folder).transforms is None
    assert repr(Own("images", transform=int)).splitlines() == [
        "Dataset Own", "    Number of datapoints: 9", "    Root location: images", "    Split: train",
        "    StandardTransform", f"Transform: {int!r}",
    ]  # fmt: skip


def test_files_of_classes_are_found_without_a_data_set(folder):
    classes, numbers = datasets.find_classes(folder)
    assert (classes, numbers) == (["cat", "dog"], {"cat": 0, "dog": 1})
    assert [number for _, number in datasets.make_dataset(folder, extensions=".jpg", allow_empty=True)] == [1]
    with pytest.raises(ValueError, match="at least one entry"):
        datasets.make_dataset(folder, {}, extensions=".jpg")


def test_other_files_are_read_from_folders_by_a_loader(folder):
    data = datasets.DatasetFolder(folder, len, is_valid_file=lambda path: path.endswith(".txt"), allow_empty=True)
    assert [target for _, target in data] == [1]


def test_a_folder_without_classes_or_a_class_without_files_is_refused(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="Couldn't find any class folder"):
        datasets.ImageFolder(folder / "dog")
    (folder / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no valid file for the classes empty"):
        datasets.ImageFolder(folder)
    assert len(datasets.ImageFolder(folder, allow_empty=True)) == 3
    with pytest.raises(ValueError, match="cannot be None or not None at the same time"):
        datasets.DatasetFolder(folder, len)


def test_transforms_of_picture_and_target_exclude_the_single_ones(folder):
    with pytest.raises(ValueError, match="Only transforms or transform/target_transform"):
        datasets.VisionDataset(str(folder), transforms=len, transform=len)
