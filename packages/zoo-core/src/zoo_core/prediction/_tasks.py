"""What prediction asks of tasks."""

from zoo_core._registry import task_of
from zoo_core.tasks import Media

__all__ = ["Media", "task_of"]
