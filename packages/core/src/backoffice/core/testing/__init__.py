"""Support for the tests of an app: it runs for one test, with time, mail and events in hand.

The fixtures of the pytest plugin are made of this; it needs no pytest. Nothing that a server
runs imports it.
"""

from backoffice.core.testing.apps import RunningApp
from backoffice.core.testing.clock import ManualClock
from backoffice.core.testing.database import TemplateDatabase
from backoffice.core.testing.events import CapturedEvents
from backoffice.core.testing.mail import SentMail

__all__ = ["CapturedEvents", "ManualClock", "RunningApp", "SentMail", "TemplateDatabase"]
