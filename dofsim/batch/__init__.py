"""Many photos: found, shared out among warm workers, each one done or reported, and a run that was stopped goes on."""

from __future__ import annotations

from dofsim.batch.run import Summary, run_batch

__all__ = ["Summary", "run_batch"]
