"""The commands: each is in the file of its name, calls the package, and imports only what it needs."""
