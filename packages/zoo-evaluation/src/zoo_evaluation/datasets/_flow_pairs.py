"""People's own flow: pairs of images and their true flow, named as FlyingChairs names them.

**/NAME_img1.png, NAME_img2.png, NAME_flow.flo, or NAME_flow.png as KITTI has it
"""

from pathlib import Path

from zoo_core.images import image_suffixes

from ._dataset import Dataset, DatasetError
from ._flow_files import FLOW_SUFFIXES, check_flow_files
from ._missing import left_out
from .pixel_samples import FlowSample


def recognises(root: Path) -> bool:
    """Tell whether there is a file of flow."""
    return any(True for suffix in FLOW_SUFFIXES for _ in root.rglob(f"*_flow{suffix}"))


def read(root: Path) -> Dataset[FlowSample]:
    """Read all pairs whose flow is there.

    Raises:
        DatasetError: There are no pairs, or flow is truncated.
    """
    flows = sorted(path for path in root.rglob("*_flow.*") if path.suffix in FLOW_SUFFIXES)
    samples, missing, seen = list[FlowSample](), list[str](), set[str]()
    for flow in flows:
        name = flow.relative_to(root).with_suffix("").as_posix().removesuffix("_flow")
        if name in seen:
            raise DatasetError(f"{root} has two files of flow for {name}, {' and '.join(FLOW_SUFFIXES)}: keep one.")
        seen.add(name)
        pair = tuple(path for which in ("img1", "img2") if (path := _image(root / f"{name}_{which}")) is not None)
        if len(pair) == 2:
            samples.append(FlowSample(name=pair[0].relative_to(root).as_posix(), paths=pair, flow=flow))
        else:
            missing.append(name)
    if not samples:
        raise DatasetError(f"{root} has no pairs: expected NAME_img1.png, NAME_img2.png and NAME_flow.flo.")
    check_flow_files(root, samples)
    return Dataset(
        layout="flow-pairs",
        root=root,
        samples=tuple(samples),
        notes=left_out(missing, "files of flow have not both images"),
    )


def _image(stem: Path) -> Path | None:
    found = (stem.with_name(f"{stem.name}{suffix}") for suffix in sorted(image_suffixes()))
    return next((path for path in found if path.is_file()), None)
