from ._build import build as build
from ._build import fetch as fetch
from ._build import without_files as without_files
from ._builder import builder as builder
from ._deferred import DeferredInitialization as DeferredInitialization
from ._load import load_checkpoint as load_checkpoint
