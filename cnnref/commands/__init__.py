"""The commands, one topic a file. Each is a few lines that call the package, and imports only what it needs."""
