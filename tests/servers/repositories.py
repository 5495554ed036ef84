"""The repositories of a Hub: commits of files, and the names that point at them. No HTTP here."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

LARGE_FILE_SUFFIXES = frozenset({".bin", ".ckpt", ".npz", ".onnx", ".pt", ".pth", ".safetensors", ".tar", ".zip"})


@dataclass(frozen=True)
class HubFile:
    """A file of a commit, large (kept in LFS and named by its SHA-256) or small (kept in git)."""

    path: str
    content: bytes

    @property
    def is_large(self) -> bool:
        """Whether it is kept in LFS, decided by the suffix as a .gitattributes file does."""
        return PurePosixPath(self.path).suffix in LARGE_FILE_SUFFIXES

    @property
    def sha256(self) -> str:
        """The digest that names a large file."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def git_oid(self) -> str:
        """The name under which git keeps the file: of its content, or of the pointer to a large one."""
        content = self.pointer if self.is_large else self.content
        return hashlib.sha1(b"blob %d\0%s" % (len(content), content)).hexdigest()

    @property
    def pointer(self) -> bytes:
        """What git keeps in place of a large file."""
        lines = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n"
        return lines.encode()

    @property
    def etag(self) -> str:
        """The quoted ETag that names the blob in a client's cache."""
        return f'"{self.sha256 if self.is_large else self.git_oid}"'

    def tree_entry(self) -> dict[str, object]:
        """The file as a listing shows it."""
        entry = {"type": "file", "path": self.path, "size": len(self.content), "oid": self.git_oid}
        if not self.is_large:
            return entry
        return entry | {"lfs": {"oid": self.sha256, "size": len(self.content), "pointerSize": len(self.pointer)}}


@dataclass(frozen=True)
class Commit:
    """A state of a repository."""

    sha: str
    files: Mapping[str, HubFile]

    @classmethod
    def of(cls, files: Mapping[str, bytes], parent: "Commit | None") -> "Commit":
        """The commit that puts these files on top of its parent's; the same history gives the same name."""
        all_files = dict(parent.files) if parent else {}
        all_files |= {path: HubFile(path, content) for path, content in files.items()}
        lines = [parent.sha if parent else ""] + [f"{path} {all_files[path].sha256}" for path in sorted(all_files)]
        return cls(hashlib.sha1("\n".join(lines).encode()).hexdigest(), all_files)

    def tree(self, *, recursive: bool) -> list[dict[str, object]]:
        """Folders and files by path; those of the top alone unless recursive."""
        folders = {str(folder) for path in self.files for folder in PurePosixPath(path).parents} - {"."}
        entries = {path: file.tree_entry() for path, file in self.files.items()}
        entries |= {path: {"type": "directory", "path": path, "size": 0, "oid": _name(path)} for path in folders}
        return [entries[path] for path in sorted(entries) if recursive or "/" not in path]


def blob_path(repo_id: str, sha256: str) -> str:
    """The path of a large file's bytes at the storage server."""
    return f"/repos/{repo_id}/{sha256}"


def _name(path: str) -> str:
    return hashlib.sha1(path.encode()).hexdigest()


@dataclass
class Repository:
    """The commits of a repository, its branches and tags, and who may read it.

    Args:
        token: the only token that may read it; None for a public repository.
        gated: whether its conditions have yet to be accepted, so that nobody may read its files.
    """

    repo_id: str
    token: str | None = None
    gated: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Mapping[str, bytes], revision: str) -> str:
        """Put files on a branch, which may be new, and give the new commit."""
        commit = Commit.of(files, self.find(revision))
        self.commits[commit.sha] = commit
        self.refs[revision] = commit.sha
        return commit.sha

    def find(self, revision: str) -> Commit | None:
        """The commit that a branch, a tag or a full commit name stands for."""
        return self.commits.get(self.refs.get(revision, revision))
