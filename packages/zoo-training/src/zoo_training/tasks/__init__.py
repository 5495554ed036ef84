"""How the models of each task are trained. Packages name these classes as `Task.training`."""
