"""Why a build stops."""


class BuildError(Exception):
    """Said to whoever runs the build, without a traceback."""
