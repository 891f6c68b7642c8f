"""Probe results -> verdicts, by counting equal results in a row for each instance; in memory only. Counts restart with the process."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping

from upgrades.core.machines import InstanceView
from upgrades.core.states import Health
from upgrades.prober.probe_targets import Probed, ProbedSet
from upgrades.prober.write_back import Verdict
from upgrades.probes.counting import Count, after_grace, judge
from upgrades.probes.targets import Result

# How long good news of a scale set waits for more, while operations run on others of its instances. With the pause between the process'
# rounds it is 0.1 s, and 0.5 s while operations of a batch run.
GATHER_SECONDS = 0.06
GATHER_IN_BATCH_SECONDS = 0.46
NOT_PROVISIONED = "extensions not provisioned"  # a verdict's detail begins so where extensions are the reason


class ProbeCounts:
    """The counts of the scale sets that this process probes, and the verdicts that are not written yet.

    `clock`: monotonic seconds, so that no jump of the wall clock ends a grace period.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sets: dict[int, ProbedSet] = {}
        self._set_of: dict[int, int] = {}
        self._counts: dict[int, Count] = {}
        self._began: dict[int, float] = {}  # when each count began, by the clock
        self._unwritten: dict[int, dict[int, Verdict]] = {}
        self._unwritten_since: dict[int, float] = {}  # by the clock, for each scale set that has some
        self._unsettled: dict[int, dict[int, int]] = {}

    def know(self, probed: ProbedSet) -> None:
        """Take over the present instances of a scale set. Counts for other OS disks, and of instances that are gone, are dropped."""
        is_new = probed.pk not in self._sets
        self.forget(probed.pk, keep={instance.pk for instance in probed.instances.values()})
        self._sets[probed.pk] = probed
        unsettled = self._unsettled.setdefault(probed.pk, dict.fromkeys(probed.instances, 0) if is_new else {})
        self._unsettled[probed.pk] = {pk: answers for pk, answers in unsettled.items() if self._is_same(probed, pk)}
        for instance in probed.instances.values():
            self._set_of[instance.pk] = probed.pk
            count = self._counts.get(instance.pk)
            if count is None or count.generation != instance.generation:
                self._counts[instance.pk] = Count(instance.generation, instance.health)
                self._began[instance.pk] = self._clock()

    def know_health(self, probed: ProbedSet) -> None:
        """Take over what is known of the same machines of a scale set."""
        self._sets[probed.pk] = probed

    def is_settled(self, scale_set_id: int) -> bool:
        """Whether every instance that was there when this process took the scale set over has had as many answers as a verdict takes.

        Until then the stored health may be outdated, and an initializing instance may just not have been probed yet.
        """
        return scale_set_id in self._sets and not self._unsettled.get(scale_set_id)

    def _is_same(self, probed: ProbedSet, pk: int) -> bool:
        count, instance = self._counts.get(pk), probed.instances.get(pk)
        return (
            instance is not None
            and bool(instance.address)
            and (count is None or count.generation == instance.generation)
        )

    def forget(self, scale_set_id: int, *, keep: set[int] | None = None) -> None:
        known = self._sets.pop(scale_set_id, None)
        for pk in known.instances if known else ():
            if pk not in (keep or ()):
                self._counts.pop(pk, None)
                self._began.pop(pk, None)
                self._set_of.pop(pk, None)
        if keep is None:
            self._unwritten.pop(scale_set_id, None)
            self._unwritten_since.pop(scale_set_id, None)
            self._unsettled.pop(scale_set_id, None)

    def take_result(self, result: Result) -> None:
        """Count the result of one probe. Results about other OS disks, or instances that are not known (any more), are ignored."""
        target, health, detail, _ = result
        pk, settings = target.key, target.settings
        instance = self._instance(pk)
        if instance is None or target.generation != instance.generation:
            return
        count = judge(self._counts[pk], instance.generation, health, settings)
        if settings.is_rich and count.state is Health.INITIALIZING:
            count = after_grace(count, self._clock() - self._began[pk], settings)
        self._counts[pk] = count
        self._count_answer(self._set_of[pk], pk, settings.threshold)
        self._note(instance, *_with_extensions(instance, count.state, detail))

    def take_views(self, probed: ProbedSet, views: Mapping[str, InstanceView]) -> None:
        """Take the state of the machines as their health (S-31, S-32). Absent machines are left to absence.py.

        `probed`: the scale set as it was known when the provider was asked; instances that are new or changed since are left alone.
        """
        for asked in probed.instances.values():
            instance, view = self._instance(asked.pk), views.get(str(asked.number))
            if instance is None or instance.generation != asked.generation or not instance.os_disk:
                continue
            if view is not None and view.os_disk == instance.os_disk:
                self._note(instance, _health(view), _detail(view))

    def take_unreachable(self, probed: ProbedSet, without_port: Collection[int] = ()) -> None:
        """Note a failed probe for each instance that cannot be probed. `without_port`: those with an address, but not for this port."""
        health = probed.probe.failure if probed.probe else Health.UNHEALTHY
        for instance in probed.instances.values():
            if instance.os_disk and not instance.address:
                self._note(instance, health, "the machine has no address to be probed at")
            elif instance.pk in without_port:
                self._note(instance, health, f"the machine cannot be probed at port {probed.probe_port}")

    def take_unwritten(self, *, may_wait: bool = False) -> dict[int, list[Verdict]]:
        """{scale set id: verdicts} since the last call; with `may_wait` without those that may wait for others a little longer."""
        now = self._clock()
        taken = [
            pk for pk, since in self._unwritten_since.items() if not (may_wait and now - since < self._patience(pk))
        ]
        for pk in taken:
            del self._unwritten_since[pk]
        return {pk: list(self._unwritten.pop(pk).values()) for pk in taken}

    def _patience(self, scale_set_id: int) -> float:
        """How many seconds the verdicts on a scale set may wait for more: as long as no step can follow them but that they are noted.

        Each write costs a transaction, an event and a reconcile, however many verdicts it has. Bad news never waits.
        """
        probed, verdicts = self._sets.get(scale_set_id), self._unwritten[scale_set_id].values()
        if probed is None or any(verdict.health is not Health.HEALTHY for verdict in verdicts):
            return 0.0
        if probed.has_batch_operations:  # the batch goes on when these have ended
            return GATHER_IN_BATCH_SECONDS
        return GATHER_SECONDS if probed.has_operations else 0.0

    def put_back(self, scale_set_id: int, verdicts: Iterable[Verdict]) -> None:
        """Keep verdicts that could not be written, except where there is a newer verdict by now."""
        if scale_set_id not in self._sets:
            return
        for verdict in verdicts:
            if verdict.of.pk not in self._unwritten.get(scale_set_id, ()):
                self._keep(scale_set_id, verdict)

    def _keep(self, scale_set_id: int, verdict: Verdict) -> None:
        self._unwritten.setdefault(scale_set_id, {})[verdict.of.pk] = verdict
        self._unwritten_since.setdefault(scale_set_id, self._clock())

    def _drop(self, scale_set_id: int, pk: int) -> None:
        unwritten = self._unwritten.get(scale_set_id)
        if unwritten and unwritten.pop(pk, None) and not unwritten:
            del self._unwritten[scale_set_id], self._unwritten_since[scale_set_id]

    def _count_answer(self, scale_set_id: int, pk: int, threshold: int) -> None:
        unsettled = self._unsettled.get(scale_set_id)
        if unsettled and pk in unsettled:
            unsettled[pk] += 1
            if unsettled[pk] >= threshold:
                del unsettled[pk]

    def _instance(self, pk: int) -> Probed | None:
        probed = self._sets.get(self._set_of.get(pk, 0))
        return probed.instances.get(pk) if probed else None

    def _note(self, instance: Probed, health: Health, detail: str) -> None:
        """Keep a verdict to be written where it differs from the row; drop the kept one where it does not (any more).

        Another detail for the same health makes no difference, unless it changes whether extensions are the reason.
        """
        scale_set_id = self._set_of[instance.pk]
        if health != instance.health or detail.startswith(NOT_PROVISIONED) != instance.detail.startswith(
            NOT_PROVISIONED
        ):
            self._keep(scale_set_id, Verdict(instance, health, detail))
        else:
            self._drop(scale_set_id, instance.pk)


def _with_extensions(instance: Probed, health: Health, detail: str) -> tuple[Health, str]:
    """The verdict with extensions and power taken in (S-32: "healthy only when every extension is provisioned", whatever the probe says).

    An instance that is no longer initializing does not become so again by a late extension. A machine that is being switched on cannot
    answer yet, so a failed probe does not make it unhealthy.
    """
    if instance.is_starting and instance.health is Health.INITIALIZING and health is not Health.HEALTHY:
        return Health.INITIALIZING, "its machine is starting"
    if instance.failed:
        return Health.UNHEALTHY, f"{NOT_PROVISIONED}: {', '.join(instance.failed)} failed"
    if instance.late and health is Health.HEALTHY:
        state = Health.INITIALIZING if instance.health is Health.INITIALIZING else Health.UNHEALTHY
        return state, f"{NOT_PROVISIONED}: {', '.join(instance.late)} not ready"
    return health, detail


def _health(view: InstanceView) -> Health:
    if view.is_healthy:
        return Health.HEALTHY
    return Health.INITIALIZING if view.is_provisioning else Health.UNHEALTHY


def _detail(view: InstanceView) -> str:
    late = [extension.name for extension in view.extensions if extension.state != "succeeded"]
    extensions = f", {NOT_PROVISIONED}: {', '.join(late)}" if late else ""
    return f"power {view.power}, provisioning {view.provisioning}{extensions}"
