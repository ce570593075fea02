"""PySyncObj among those that are compared, in an environment of its own."""
