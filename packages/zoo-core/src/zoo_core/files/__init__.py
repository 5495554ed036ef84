"""From a weights entry to a verified local file: search, fetch, verify, and the caches they share. Torch-free.

Each floor imports only those below it: `resolve`, which looks here and then fetches; `sources`, which give files;
`manifests`, which state checksums, and `transfer`, which brings bytes; `store`, which verifies them and moves them into
place atomically; the settings. A file is *resolved* wherever it is, *fetched* from a source, *downloaded* over HTTP
(*resumed* where that broke off) or *copied* from a folder, and *admitted* to its place once its checksum is right.
"""

from zoo_core.stubs import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
