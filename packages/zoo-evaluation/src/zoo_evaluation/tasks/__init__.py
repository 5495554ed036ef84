"""How models of each built-in task are evaluated: what `Task.evaluation` names."""
