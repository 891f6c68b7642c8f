"""Opt-outs end by themselves."""

from datetime import datetime

from upgrades.feed.writing import writing
from upgrades.models import Instance, OptOut


def end_expired_opt_outs(scale_set_id: int, now: datetime) -> None:
    """Ends those whose time is past, visibly: from then on the instance counts as any other."""
    expired = OptOut.objects.filter(instance__scale_set=scale_set_id, ended_at=None, until__lte=now)
    if not expired.exists():
        return
    with writing(now, scale_set_id) as w:
        rows = list(Instance.objects.filter(opt_outs__in=expired))
        expired.update(ended_at=now, ended_by="its own time limit")
        w.changed(*rows, note="Its opt-out expired.")
