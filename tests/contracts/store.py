"""The contract of every store, written once: `store/port.py` as tests.

Subclass `StoreContract` and give two fixtures: `store`, an open and empty store, and `clock`,
the clock that it reads, with `advance`. Add nothing.
"""

from __future__ import annotations

from .store_actions import ActionsContract
from .store_feedback import FeedbackContract
from .store_intake import IntakeContract
from .store_keeping import KeepingContract
from .store_random import RandomContract
from .store_reading import ReadingContract
from .store_record import RecordContract
from .store_suppressions import SuppressionContract
from .store_sweep import SweepContract
from .store_webhooks import WebhookContract
from .store_work import WorkContract


class StoreContract(
    IntakeContract,
    WorkContract,
    RecordContract,
    SweepContract,
    ActionsContract,
    ReadingContract,
    KeepingContract,
    SuppressionContract,
    FeedbackContract,
    WebhookContract,
    RandomContract,
):
    """See the module."""
