"""Programs that `wireroom bench extract` runs, each in a process with settings of its own."""
