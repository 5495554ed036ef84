"""What commands of other packages share with those of zoo: options, tables, notes and errors."""

from ._common import json_option, parse_settings, parse_shard, quiet_option, refuse_given, user_errors
from ._output_file import OutputFile
from ._tables import Table, print_table
from ._terminal import echo, note, print_json, print_source

__all__ = [
    "OutputFile",
    "Table",
    "echo",
    "json_option",
    "note",
    "parse_settings",
    "parse_shard",
    "print_json",
    "print_source",
    "print_table",
    "quiet_option",
    "refuse_given",
    "user_errors",
]
