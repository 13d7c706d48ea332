"""Support for the tests of an app: time under control. Nothing of it is reached by a server."""

from backoffice.core.testing.clock import ManualClock

__all__ = ["ManualClock"]
