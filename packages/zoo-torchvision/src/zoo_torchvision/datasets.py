"""What `torchvision.datasets` finds: images in folders, and the names of data sets that programs import unused.

These say that they are not here when they are made.
"""

import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from PIL import Image
from torch.utils.data import Dataset

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def pil_loader(path: str | os.PathLike[str]) -> Image.Image:
    """Read an image as Pillow converts it to RGB: not turned as its EXIF data says, without what is transparent."""
    with Image.open(path) as image:
        return image.convert("RGB")


default_loader = pil_loader


def has_file_allowed_extension(filename: str, extensions: str | tuple[str, ...]) -> bool:
    """Tell whether a file's name ends in one of these, in small letters or large ones."""
    return filename.lower().endswith(extensions)


def is_image_file(filename: str) -> bool:
    """Tell whether a file's name ends as those of images do."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


class StandardTransform:
    """Two transforms as one: of a picture, and of its target; either may be `None`."""

    def __init__(
        self, transform: Callable[..., Any] | None = None, target_transform: Callable[..., Any] | None = None
    ) -> None:
        self.transform = transform
        self.target_transform = target_transform

    def __call__(self, input: Any, target: Any) -> tuple[Any, Any]:  # noqa: A002 # torchvision's name
        """Return what they make of picture and target."""
        picture = input if self.transform is None else self.transform(input)
        return picture, target if self.target_transform is None else self.target_transform(target)

    def __repr__(self) -> str:
        lines = [type(self).__name__]
        for title, transform in (("Transform: ", self.transform), ("Target transform: ", self.target_transform)):
            if transform is not None:
                lines.append(title + textwrap.indent(repr(transform), " " * len(title)).lstrip())
        return "\n".join(lines)


class VisionDataset(Dataset[Any]):
    """A data set of pictures with transforms.

    Args:
        root: Its folder.
        transforms: Called with picture and target.
        transform: Called with the picture.
        target_transform: Called with the target.

    Raises:
        ValueError: Both `transforms` and one of the others are given.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        transforms: Callable[..., Any] | None = None,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
    ) -> None:
        if transforms is not None and not (transform is None and target_transform is None):
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.root = str(Path(root).expanduser()) if isinstance(root, str) else root
        self.transform = transform
        self.target_transform = target_transform
        separate = None if transform is target_transform is None else StandardTransform(transform, target_transform)
        self.transforms = transforms or separate
        """Takes picture and target, whichever way transforms were given."""

    def extra_repr(self) -> str:
        """Return more lines for `repr`."""
        return ""

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} should say what is at a place, in __getitem__.")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} should say how long it is, in __len__.")

    def __repr__(self) -> str:
        told = [f"Number of datapoints: {len(self)}"]
        told += [f"Root location: {self.root}"] if self.root is not None else []
        told += self.extra_repr().splitlines()
        told += [repr(self.transforms)] if self.transforms is not None else []
        return "\n".join([f"Dataset {type(self).__name__}", *(f"    {line}" for line in told)])

    def _transformed(self, picture: Any, target: Any) -> tuple[Any, Any]:
        return (picture, target) if self.transforms is None else tuple(self.transforms(picture, target))


def find_classes(directory: str | os.PathLike[str]) -> tuple[list[str], dict[str, int]]:
    """Return the names of the folders in one, sorted, and their numbers.

    Raises:
        FileNotFoundError: There is none.
    """
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: number for number, name in enumerate(classes)}


def make_dataset(
    directory: str | os.PathLike[str],
    class_to_idx: dict[str, int] | None = None,
    extensions: str | tuple[str, ...] | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """Return the files in the folders of classes, each with its class's number.

    Args:
        directory: The folder of the folders.
        class_to_idx: The classes' numbers; by default as `find_classes` gives them.
        extensions: How the files' names end.
        is_valid_file: Tells for a path whether it belongs to the data set, instead of `extensions`.
        allow_empty: Whether a class may have no file.

    Raises:
        FileNotFoundError: A class has no file.
        ValueError: Both `extensions` and `is_valid_file` are given, or neither; or there are no classes.
    """
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
    numbers = find_classes(directory)[1] if class_to_idx is None else class_to_idx
    if not numbers:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    belongs = is_valid_file or (lambda path: has_file_allowed_extension(path, extensions or ()))
    found = [(path, numbers[name]) for name in sorted(numbers) for path in _files(Path(directory, name))]
    samples = [(path, number) for path, number in found if belongs(path)]
    empty = sorted(set(numbers.values()) - {number for _, number in samples})
    if empty and not allow_empty:
        names = [name for name, number in sorted(numbers.items()) if number in empty]
        raise FileNotFoundError(f"Found no valid file for the classes {', '.join(names)} in {directory}.")
    return samples


class DatasetFolder(VisionDataset):
    """Files in a folder for each class; files below it count, too.

    Args:
        root: The folder of the folders.
        loader: Reads a file, given its path.
        extensions: How the files' names end.
        transform: Called with what the loader gives.
        target_transform: Called with the class's number.
        is_valid_file: Tells for a path whether it belongs to the data set, instead of `extensions`.
        allow_empty: Whether a class may have no file.

    Raises:
        FileNotFoundError: There is no folder in `root`, or a class has no file.
        ValueError: Both `extensions` and `is_valid_file` are given, or neither.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader
        self.extensions = extensions
        self.classes, self.class_to_idx = self.find_classes(str(self.root))
        self.samples = self.make_dataset(str(self.root), self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.targets = [target for _, target in self.samples]

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        """Return what the function of that name does; subclasses may have classes of their own."""
        return find_classes(directory)

    @staticmethod
    def make_dataset(
        directory: str,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """Return what the function of that name does; subclasses may have files of their own."""
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self._transformed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Images in a folder for each class; arguments as of `DatasetFolder`."""

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples


def _files(folder: Path) -> Iterator[str]:
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        yield from (str(Path(place, name)) for name in sorted(names))


class _NotHere(VisionDataset):
    """A data set of which only the name is here."""

    def __init__(self, *args: Any, **kwargs: Any) -> NoReturn:  # whatever it is called with
        del args, kwargs
        raise ImportError(
            f"torchvision.datasets.{type(self).__name__} is not here, where zoo_torchvision stands in for torchvision: "
            "it only has ImageFolder and DatasetFolder. What to do: read the data by a Dataset of your own, or install "
            "torchvision, in the build for your torch.",
            name="torchvision",
        )


class CIFAR10(_NotHere):
    """Not here."""


class CIFAR100(_NotHere):
    """Not here."""


class MNIST(_NotHere):
    """Not here."""


class FashionMNIST(_NotHere):
    """Not here."""


class KMNIST(_NotHere):
    """Not here."""
