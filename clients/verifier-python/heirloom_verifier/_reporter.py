"""Calls on_state in a thread of its own: it neither waits for a connection nor keeps a request waiting."""

from __future__ import annotations

import logging
import threading
from typing import Callable, Optional

_log = logging.getLogger("heirloom_verifier")


class Reporter:
    """Reports when the state, or why it is stale, has changed. Nothing is reported before the first `wake`.

    seconds_fresh  for how many seconds more it is fresh; negative since then
    on_state       called with ("stale", reason) and ("fresh", ""), by this thread only
    """

    def __init__(self, seconds_fresh: Callable[[], float], on_state: Optional[Callable[[str, str], object]]) -> None:
        self._seconds_fresh, self._on_state = seconds_fresh, on_state
        self.reason = "starting"
        """Why it is stale, if it is."""
        self._reported, self._is_closed, self._woken = ("", ""), False, threading.Event()
        self._thread = threading.Thread(target=self._run, name="heirloom-verifier-state", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something may have changed. Does not wait for the report."""
        self._woken.set()

    def close(self) -> None:
        """Ends the thread, without a report."""
        self._is_closed = True
        self._woken.set()

    def _run(self) -> None:
        while not self._is_closed:
            # The end of freshness comes by itself: nobody wakes for that.
            left = self._seconds_fresh()
            self._woken.wait(left + 0.01 if left >= 0 else None)
            self._woken.clear()
            if not self._is_closed:
                self._report()

    def _report(self) -> None:
        fresh, before = self._seconds_fresh() >= 0, self._reported
        self._reported = ("fresh", "") if fresh else ("stale", self.reason)
        # Details behind the colon may change with each attempt.
        if [each.partition(":")[0] for each in before] == [each.partition(":")[0] for each in self._reported]:
            return
        _log.log(logging.INFO if fresh else logging.WARNING, "revocations are %s", " ".join(self._reported).strip())
        try:
            if self._on_state is not None:
                self._on_state(*self._reported)
        except Exception:
            _log.exception("on_state failed")
