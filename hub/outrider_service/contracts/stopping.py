"""When a notebook stops by itself: the culler and the pages follow the same rule."""

from ..notebooks.stopping import Life, Rules, ScheduledStop, duration, next_stop

__all__ = ["Life", "Rules", "ScheduledStop", "duration", "next_stop"]
