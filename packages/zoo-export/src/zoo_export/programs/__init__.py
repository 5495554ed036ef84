"""What is exported of the models of each task. Packages name these classes as `Task.export`."""
