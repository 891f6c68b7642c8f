"""What histories draw: documents of scale sets, and how far clocks jump."""

from datetime import timedelta

from hypothesis import strategies as st

from tests import stories
from tests.orchestrator.model.world import LOCATIONS

IMAGES = (stories.UBUNTU, stories.WINDOWS)

percents = st.sampled_from([20, 5, 50, 100])
rollings = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "maxBatchInstancePercent": percents,
            "maxUnhealthyInstancePercent": percents,
            "maxUnhealthyUpgradedInstancePercent": st.sampled_from([20, 0, 100]),
            "pauseTimeBetweenBatches": st.sampled_from(["PT0S", "PT7S", "PT2M"]),
            "enableCrossZoneUpgrade": st.sampled_from([False, False, True]),
            "prioritizeUnhealthyInstances": st.booleans(),
            "rollbackFailedInstancesOnPolicyBreach": st.booleans(),
            "maxSurge": st.booleans(),
        }
    ),
)
documents = st.fixed_dictionaries(
    {
        "image": st.sampled_from(IMAGES),
        "location": st.sampled_from(LOCATIONS),
        "capacity": st.sampled_from([10, 5, 9, 1, 4, 14, 2, 20]),
        "automatic": st.sampled_from([True, True, False]),
        "rolling": rollings,
        "threshold": st.sampled_from([1, 0, 2, 3]),  # of its probe; 0: it has none
        "zones": st.sampled_from([0, 0, 3, 2]),
        "rolls_back": st.sampled_from([True, True, False]),
        "defers": st.sampled_from([False, False, False, True]),
    }
)
jumps = st.sampled_from(
    [timedelta(hours=-1), timedelta(), timedelta(hours=1), timedelta(minutes=7), timedelta(minutes=-4)]
)
