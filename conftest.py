"""A plugin of pytest can be loaded only from the root."""

pytest_plugins = ["pytester"]
