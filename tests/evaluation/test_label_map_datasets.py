"""Label maps in each layout: recognised, read whole, and refused with a message where they do not fit."""

import json
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as peer

from evaluation.makers_pixels import COCO_IDS, VOC, box, coco, label_maps, save_labels, voc
from zoo_evaluation import open_dataset
from zoo_evaluation.datasets import DatasetError, find_layout

SMALL = np.zeros((8, 10), dtype=int)


def runs(mask):
    """Return run lengths as COCO has them for crowds, column by column."""
    flat = mask.flatten(order="F").astype(int)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat, [1 - flat[-1]]])))
    return {"size": list(mask.shape), "counts": np.diff(np.concatenate([[0], edges])).tolist()}


def test_label_maps_are_drawn_from_cocos_outlines(tmp_path):
    crowd = np.zeros((8, 10), dtype=bool)
    crowd[6:, :3] = True
    objects = [
        {"category_id": 1, "segmentation": box(1, 1, 4, 3)},
        {"category_id": 18, "segmentation": box(4, 1, 3, 3)},  # a column of both
        {"category_id": 28, "segmentation": box(0, 0, 10, 1)},  # an umbrella is none of the classes
        {"category_id": 3, "segmentation": runs(crowd), "iscrowd": 1},
        {"category_id": 72, "segmentation": [[1, 2, 3, 4]]},  # no area
    ]
    dataset = open_dataset(coco(tmp_path, {"b.jpg": (SMALL, objects), "a.jpg": (SMALL, [])}), holds="label maps")
    expected = np.zeros((8, 10), dtype=np.uint8)
    expected[1:4, 1:5] = VOC.index("person")
    expected[1:4, 4:7] = VOC.index("dog")
    expected[1:4, 4] = 255
    expected[6:, :3] = VOC.index("car")
    assert [sample.name for sample in dataset] == ["b.jpg", "a.jpg"]
    assert dataset[0].label_map().tolist() == expected.tolist()
    assert not dataset[1].label_map().any()
    assert dataset.categories == tuple(VOC)
    assert dataset.published == "COCO-val2017-VOC-labels"


def test_each_of_cocos_ids_becomes_the_class_of_the_table(tmp_path):
    images = {
        f"{place:02d}.jpg": (SMALL, [{"category_id": coco_id, "segmentation": box(2, 2, 3, 3)}])
        for place, coco_id in enumerate(COCO_IDS)
        if place
    }
    dataset = open_dataset(coco(tmp_path, images), holds="label maps")
    assert [int(sample.label_map().max()) for sample in dataset] == list(range(1, 21))


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # pycocotools with NumPy 2
@pytest.mark.parametrize("seed", range(8))
def test_polygons_are_drawn_as_cocos_own_tools_draw_them(tmp_path, seed):
    generator = np.random.default_rng(seed)
    polygons = [generator.uniform(-2, 42, 2 * corners).round(2).tolist() for corners in (3, 5, 12)]
    objects = [{"category_id": 5, "segmentation": polygons}]
    dataset = open_dataset(coco(tmp_path, {"a.jpg": (np.zeros((40, 37), dtype=int), objects)}), holds="label maps")
    expected = peer.decode(peer.merge(peer.frPyObjects(polygons, 40, 37)))
    assert (dataset[0].label_map() == expected).all()


def test_images_of_coco_that_are_missing_are_told(tmp_path):
    coco(tmp_path, {"a.jpg": (SMALL, []), "b.jpg": (SMALL, [])})
    (tmp_path / "val2017" / "a.jpg").unlink()
    dataset = open_dataset(tmp_path, holds="label maps")
    assert [sample.name for sample in dataset] == ["b.jpg"]
    assert dataset.notes == ("1 of 2 images are missing, and are left out: a.jpg.",)
    (tmp_path / "val2017" / "b.jpg").unlink()
    with pytest.raises(DatasetError, match="none of the 2 images"):
        open_dataset(tmp_path, holds="label maps")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"categories": [{"id": i, "name": n} for i, n in enumerate(["person", "bicycle"])]}, "from 1 to 90 with gaps"),
        ({"annotations": [{"image_id": 99}]}, "KeyError 99"),
        ({"images": None}, "expected lists called images, annotations, categories"),
        ({"annotations": [{"id": 3, "image_id": 0, "category_id": 1, "segmentation": "x"}]}, "annotation 3 of a.jpg"),
        (
            {
                "annotations": [
                    {"id": 3, "image_id": 0, "category_id": 1, "segmentation": {"size": [9, 9], "counts": []}}
                ]
            },
            "run lengths of 10 x 8 pixels",
        ),
    ],
)
def test_annotations_that_are_not_cocos_are_refused(tmp_path, changed, message):
    with pytest.raises(DatasetError, match=message):
        open_dataset(coco(tmp_path, {"a.jpg": (SMALL, [])}, **changed), holds="label maps")


@pytest.mark.parametrize("inside", ["", "VOCdevkit/VOC2012"])
def test_vocs_palette_files_are_read_with_what_does_not_count(tmp_path, inside):
    true = SMALL.copy()
    true[2:, 3:] = 15
    true[2, 3:] = 255
    voc(tmp_path / inside, {"2007_000033": (SMALL, true), "2007_000042": (SMALL, SMALL)})
    dataset = open_dataset(tmp_path, holds="label maps")
    assert [sample.name for sample in dataset] == ["2007_000033.jpg", "2007_000042.jpg"]
    assert dataset[0].label_map().tolist() == true.tolist()
    assert dataset.published == "VOC2012-segmentation-val"
    assert dataset.categories == tuple(VOC)


def test_an_earlier_year_of_voc_is_no_published_data_set(tmp_path):
    voc(tmp_path / "VOC2007", {"000033": (SMALL, SMALL)})
    assert open_dataset(tmp_path / "VOC2007", holds="label maps").published == ""


def test_a_missing_label_map_of_voc_is_told(tmp_path):
    voc(tmp_path, {"a": (SMALL, SMALL), "b": (SMALL, SMALL)})
    (tmp_path / "SegmentationClass" / "b.png").unlink()
    dataset = open_dataset(tmp_path, holds="label maps")
    assert dataset.notes == ("1 of 2 images are missing, or their label maps, and are left out: b.",)
    with pytest.raises(DatasetError, match="choose a split that is there"):
        open_dataset(tmp_path, holds="label maps", split="train")


@pytest.mark.parametrize("palette", [True, False])
def test_own_label_maps_are_matched_with_images_by_name(tmp_path, palette):
    true = SMALL.copy()
    true[0, 0] = 1
    label_maps(tmp_path, {"city/b": (SMALL, true), "a": (SMALL, SMALL)}, ["road", "car"], palette=palette)
    dataset = open_dataset(tmp_path, holds="label maps")
    assert [sample.name for sample in dataset] == ["a.png", "city/b.png"]
    assert dataset[1].label_map().tolist() == true.tolist()
    assert (dataset.categories, dataset.published) == (("road", "car"), "")
    assert pickle.loads(pickle.dumps(dataset)).samples == dataset.samples


def test_the_classes_names_may_be_json(tmp_path):
    label_maps(tmp_path, {"a": (SMALL, SMALL)})
    (tmp_path / "categories.txt").unlink()
    (tmp_path / "categories.json").write_text(json.dumps(["road", "car"]))
    assert open_dataset(tmp_path, holds="label maps").categories == ("road", "car")


def test_images_without_a_label_map_and_the_other_way_round_are_told(tmp_path):
    label_maps(tmp_path, {"a": (SMALL, SMALL), "b": (SMALL, SMALL), "c": (SMALL, SMALL)})
    (tmp_path / "labels" / "b.png").unlink()
    (tmp_path / "images" / "c.png").unlink()
    assert open_dataset(tmp_path, holds="label maps").notes == (
        "1 images have no label map, and are left out: b.",
        "1 label maps have no image, and are left out: c.",
    )


def names_in(root, **options):
    return [sample.name for sample in open_dataset(root, holds="label maps", **options)]


def test_folders_of_splits_in_both_folders_are_kept_apart(tmp_path):
    label_maps(tmp_path, dict.fromkeys(["Train/a", "Train/b", "validation/c", "test/d"], (SMALL, SMALL)))
    (tmp_path / "images" / ".cache").mkdir()
    assert find_layout(tmp_path, holds="label maps").splits(tmp_path) == ("train", "test", "val")
    assert names_in(tmp_path) == ["validation/c.png"]
    assert names_in(tmp_path, split="train") == ["Train/a.png", "Train/b.png"]
    with pytest.raises(DatasetError, match=r"no split 'trainval': expected train or test or val\."):
        names_in(tmp_path, split="trainval")
    shutil.rmtree(tmp_path / "labels" / "test")  # images alone are no split
    shutil.rmtree(tmp_path / "images" / "validation")
    assert find_layout(tmp_path, holds="label maps").splits(tmp_path) == ("train",)
    assert names_in(tmp_path) == ["Train/a.png", "Train/b.png"]


@pytest.mark.parametrize("names", [["train/a", "cars/b"], ["train/a", "b"], ["train/a", "training/b"]])
def test_label_maps_in_other_folders_are_one_whole(tmp_path, names):
    label_maps(tmp_path, dict.fromkeys(names, (SMALL, SMALL)))
    assert find_layout(tmp_path, holds="label maps").splits(tmp_path) == ()
    assert sorted(names_in(tmp_path)) == sorted(f"{name}.png" for name in names)
    with pytest.raises(DatasetError, match="no split 'val': it is one whole, leave the split out"):
        names_in(tmp_path, split="val")


def _another_size(root):
    save_labels(root / "labels" / "b.png", np.zeros((8, 11), dtype=int))


def _a_class_too_many(root):
    save_labels(root / "labels" / "b.png", np.full((8, 10), 3))


def _a_picture(root):
    Image.new("RGB", (10, 8)).save(root / "labels" / "b.png")


def _truncated(root):
    path = root / "labels" / "b.png"
    Image.effect_noise((10, 8), 90).save(path)
    path.write_bytes(path.read_bytes()[:60])


def _unnamed(root):
    (root / "categories.txt").unlink()


def _named_twice(root):
    (root / "categories.txt").write_text("road\ncar\ncar\n")


def _two_images(root):
    Image.new("RGB", (10, 8)).save(root / "images" / "b.jpg")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_another_size, r"1 of 2 label maps(.|\n)*b.png has 11 x 8 pixels, its image 10 x 8"),
        (_a_class_too_many, "b.png has class 3, and there are 3, from 0 to 2"),
        (_a_picture, "b.png is a picture of mode RGB"),
        (_truncated, "b.png cannot be read as a label map"),
        (_unnamed, "expected categories.txt or categories.json"),
        (_named_twice, "all different"),
        (_two_images, "have the same name"),
    ],
)
def test_own_label_maps_that_do_not_fit_are_refused(tmp_path, spoil, message):
    label_maps(tmp_path, {"a": (SMALL, SMALL), "b": (SMALL, SMALL)}, ["road", "car", "sky"])
    spoil(tmp_path)
    with pytest.raises(DatasetError, match=message):
        open_dataset(tmp_path, holds="label maps")


def test_the_digest_tells_when_a_label_map_is_another(tmp_path):
    label_maps(tmp_path, {"a": (SMALL, SMALL)})
    before = open_dataset(tmp_path, holds="label maps").digest
    save_labels(tmp_path / "labels" / "a.png", SMALL + 1)
    assert open_dataset(tmp_path, holds="label maps").digest != before
