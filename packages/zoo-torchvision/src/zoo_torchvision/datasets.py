"""What `torchvision.datasets` finds: images in folders, and the names of data sets that programs import unused.

These say that they are not here when they are made.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from PIL import Image
from torch.utils.data import Dataset

from zoo_core.images import IMAGE_SUFFIXES, read_image

IMG_EXTENSIONS = tuple(sorted(IMAGE_SUFFIXES))


def default_loader(path: str) -> Image.Image:
    """Read an image in RGB."""
    return read_image(path)


def has_file_allowed_extension(filename: str, extensions: str | tuple[str, ...]) -> bool:
    """Tell whether a file's name ends in one of these, in small letters or large ones."""
    return filename.lower().endswith(extensions)


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
        self.transforms = transforms
        self.transform = transform
        self.target_transform = target_transform

    def _transformed(self, picture: Any, target: Any) -> tuple[Any, Any]:
        if self.transforms is not None:
            return tuple(self.transforms(picture, target))
        if self.transform is not None:
            picture = self.transform(picture)
        return picture, target if self.target_transform is None else self.target_transform(target)


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
        """Return the names of the folders, sorted, and their numbers.

        Raises:
            FileNotFoundError: There is none.
        """
        classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        if not classes:
            raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
        return classes, {name: number for number, name in enumerate(classes)}

    @staticmethod
    def make_dataset(
        directory: str,
        class_to_idx: dict[str, int],
        extensions: tuple[str, ...] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """Return the files, each with its class's number. Raises what the class does."""
        if (extensions is None) == (is_valid_file is None):
            raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
        belongs = is_valid_file or (lambda path: has_file_allowed_extension(path, extensions or ()))
        found = [(path, class_to_idx[name]) for name in sorted(class_to_idx) for path in _files(Path(directory, name))]
        samples = [(path, number) for path, number in found if belongs(path)]
        empty = sorted(set(class_to_idx.values()) - {number for _, number in samples})
        if empty and not allow_empty:
            names = [name for name, number in sorted(class_to_idx.items()) if number in empty]
            raise FileNotFoundError(f"Found no valid file for the classes {', '.join(names)} in {directory}.")
        return samples

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
