from ._files import MigratedFile as MigratedFile
from ._files import migrate_files as migrate_files
from ._left import Left as Left
from ._source import Migration as Migration
from ._source import MigrationError as MigrationError
from ._source import migrate_source as migrate_source
