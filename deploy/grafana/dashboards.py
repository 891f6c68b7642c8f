"""The Grafana dashboards Fleet, Upgrades and Engine. Run this file to write their JSON beside it; it needs the extra `test`.

Nobody has seen them drawn: there was no Grafana where they were made. Tests compare the JSON with this file, and the names of metrics with
those that /metrics has.
"""

import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueColorMode, LegendPlacement, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

FOLDER = Path(__file__).parent
SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
OF_SETS = 'job="$job", scale_set=~"$scale_set"'
OF_JOB = 'job="$job"'
HALF, THIRD, SIXTH = 12, 8, 4  # of the 24 columns

Query = tuple[str, str]  # PromQL, and the legend


def _target(query: Query, letter: str) -> Any:
    return prometheus.Dataquery().expr(query[0]).legend_format(query[1]).datasource(SOURCE).ref_id(letter)


def graph(title: str, description: str, unit: str, span: int, *queries: Query) -> Any:
    panel = timeseries.Panel().title(title).description(description).unit(unit).span(span).height(8).min(0)
    panel = panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    panel = panel.legend(common.VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM))
    for letter, query in zip("ABCD", queries, strict=False):
        panel = panel.with_target(_target(query, letter))
    return panel.datasource(SOURCE)


def figure(title: str, description: str, unit: str, promql: str) -> Any:
    """One number."""
    panel = stat.Panel().title(title).description(description).unit(unit).span(SIXTH).height(4)
    return panel.with_target(_target((promql, ""), "A")).datasource(SOURCE).color_mode(BigValueColorMode.NONE)


def _quantiles(metric: str, by: str = "") -> tuple[Query, Query]:
    """The median and the 99th percentile of a histogram, for each value of the label `by`."""
    labels, legend = (f"le, {by}", f"{{{{{by}}}}} ") if by else ("le", "")
    rate = f"sum by ({labels}) (rate({metric}_bucket{{{OF_JOB}}}[$__rate_interval]))"
    return (
        (f"histogram_quantile(0.5, {rate})", f"{legend}median"),
        (f"histogram_quantile(0.99, {rate})", f"{legend}99 %"),
    )


def _dashboard(name: str, title: str, description: str) -> Any:
    source = dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus")
    return (
        dashboard.Dashboard(f"Rollgrid: {title}")
        .uid(f"rollgrid-{name}")
        .description(description)
        .tags(["rollgrid"])
        .refresh("30s")
        .time("now-6h", "now")
        .with_variable(source)
        .with_variable(_choice("job", "Job", "label_values(rollgrid_scale_sets, job)", several=False))
    )


def _choice(name: str, label: str, query: str, *, several: bool) -> Any:
    variable = dashboard.QueryVariable(name).label(label).datasource(SOURCE).query(query)
    variable = variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.multi(True).include_all(True).all_value(".*") if several else variable


def _of_scale_sets(board: Any) -> Any:
    query = f"label_values(rollgrid_instances{{{OF_JOB}}}, scale_set)"
    return board.with_variable(_choice("scale_set", "Scale set", query, several=True))


def _with_panels(board: Any, *panels: Any) -> Any:
    for panel in panels:
        board = board.with_panel(panel)
    return board


def fleet() -> Any:
    board = _of_scale_sets(_dashboard("fleet", "Fleet", "How the instances are, and how old their images."))
    return _with_panels(board, *_fleet_figures(), *_fleet_graphs())


def _fleet_figures() -> tuple[Any, ...]:
    return (
        figure("Instances", "All instances.", "short", f"sum(rollgrid_instances{{{OF_SETS}}})"),
        figure(
            "Behind",
            "Not on the wanted version, and not opted out.",
            "short",
            f"sum(rollgrid_instances_behind{{{OF_SETS}}})",
        ),
        figure("Unhealthy", "As the gate counts them.", "short", f"sum(rollgrid_unhealthy_instances{{{OF_SETS}}})"),
        figure(
            "Over the limit",
            "Scale sets in which no batch begins.",
            "short",
            f"sum(rollgrid_unhealthy_over_limit{{{OF_SETS}}})",
        ),
        figure(
            "Oldest image",
            "That an instance runs.",
            "s",
            f"max(rollgrid_oldest_running_image_age_seconds{{{OF_SETS}}})",
        ),
        figure(
            "Fleet stopped",
            "1 while all automatic upgrades are stopped.",
            "short",
            f"max(rollgrid_fleet_stopped{{{OF_JOB}}})",
        ),
    )


def _fleet_graphs() -> tuple[Any, ...]:
    return (
        graph(
            "Instances by state",
            "As pages show them.",
            "short",
            HALF,
            (f"sum by (state) (rollgrid_instances{{{OF_SETS}}})", "{{state}}"),
        ),
        graph(
            "Unhealthy, and how many may be",
            "Above the limit no batch begins.",
            "short",
            HALF,
            (f"rollgrid_unhealthy_instances{{{OF_SETS}}}", "{{scale_set}}"),
            (f"rollgrid_unhealthy_instances_allowed{{{OF_SETS}}}", "{{scale_set}} limit"),
        ),
        graph(
            "Age of the oldest image",
            "That an instance of the scale set runs.",
            "s",
            HALF,
            (f"rollgrid_oldest_running_image_age_seconds{{{OF_SETS}}}", "{{scale_set}}"),
        ),
        graph(
            "Age of the wanted image",
            "Where instances lack it.",
            "s",
            HALF,
            (
                f"rollgrid_wanted_image_age_seconds{{{OF_SETS}}} and on (job, instance, scale_set) rollgrid_instances_behind > 0",
                "{{scale_set}}",
            ),
        ),
        graph(
            "What waits, since when",
            "By the reason.",
            "s",
            HALF,
            (f"rollgrid_reason_held_seconds{{{OF_SETS}}}", "{{scale_set}} {{reason}}"),
        ),
        graph(
            "Age of the health",
            "Nothing begins where it is stale.",
            "s",
            HALF,
            (f"rollgrid_health_age_seconds{{{OF_SETS}}}", "{{scale_set}}"),
        ),
    )


def upgrades() -> Any:
    board = _of_scale_sets(
        _dashboard("upgrades", "Upgrades", "How rolling upgrades go on, and how long their parts take.")
    )
    return _with_panels(board, *_upgrade_graphs(), *_durations())


def _upgrade_graphs() -> tuple[Any, ...]:
    return (
        graph(
            "Running upgrades",
            "By where they are.",
            "short",
            THIRD,
            (f"sum by (phase) (rollgrid_upgrades_running{{{OF_JOB}}})", "{{phase}}"),
        ),
        graph(
            "Progress",
            "Share of instances that are up to date.",
            "percentunit",
            THIRD,
            (f"rollgrid_upgrade_progress_ratio{{{OF_SETS}}}", "{{scale_set}}"),
        ),
        graph(
            "At the present step since",
            "A long time at one step may mean that it is stuck.",
            "s",
            THIRD,
            (f"rollgrid_upgrade_step_age_seconds{{{OF_SETS}}}", "{{scale_set}} {{phase}}"),
        ),
        graph(
            "Ended upgrades",
            "In an hour, by how they ended.",
            "short",
            THIRD,
            (f"sum by (status) (increase(rollgrid_upgrades_ended_total{{{OF_JOB}}}[1h]))", "{{status}}"),
        ),
        graph(
            "Duration of upgrades that run",
            "From their start.",
            "s",
            THIRD,
            (f"rollgrid_upgrade_age_seconds{{{OF_SETS}}}", "{{scale_set}}"),
        ),
        graph(
            "Failed operations",
            "A second, by what was done to the machine.",
            "ops",
            THIRD,
            (f"sum by (kind) (rate(rollgrid_operations_failed_total{{{OF_JOB}}}[$__rate_interval]))", "{{kind}}"),
        ),
    )


def _durations() -> tuple[Any, ...]:
    return (
        graph(
            "Batches", "How long those took that finished.", "s", THIRD, *_quantiles("rollgrid_batch_duration_seconds")
        ),
        graph(
            "Boots", "From the new OS disk until healthy.", "s", THIRD, *_quantiles("rollgrid_boot_duration_seconds")
        ),
        graph(
            "Operations", "How long they took.", "s", THIRD, *_quantiles("rollgrid_operation_duration_seconds", "kind")
        ),
    )


def engine() -> Any:
    board = _dashboard("engine", "Engine", "Whether Rollgrid itself is well.")
    return _with_panels(board, *_engine_figures(), *_work_graphs(), *_probe_provider_and_feed_graphs())


def _engine_figures() -> tuple[Any, ...]:
    return (
        figure("Engine", "1 while upgrades can go on.", "short", f"min(rollgrid_engine_up{{{OF_JOB}}})"),
        figure("Database", "1 while it takes writes.", "short", f"min(rollgrid_database_up{{{OF_JOB}}})"),
        figure("Broker", "1 while it answers.", "short", f"min(rollgrid_broker_up{{{OF_JOB}}})"),
        figure(
            "Locations away",
            "Whose provider gives no answer.",
            "short",
            f"count(rollgrid_location_up{{{OF_JOB}}} == 0) or vector(0)",
        ),
        figure("Feed clients", "Pages, wallboards and programs.", "short", f"sum(rollgrid_feed_clients{{{OF_JOB}}})"),
        figure(
            "Certificate ends in",
            "It is renewed by itself, unless it is yours.",
            "s",
            f"min(rollgrid_tls_certificate_expiry_timestamp_seconds{{{OF_JOB}}}) - time()",
        ),
    )


def _work_graphs() -> tuple[Any, ...]:
    return (
        graph(
            "Last work of each part",
            "Ticks are those that a worker did.",
            "s",
            THIRD,
            (f"rollgrid_heartbeat_age_seconds{{{OF_JOB}}}", "{{part}}"),
        ),
        graph(
            "Queue",
            "Scale sets that are due, and work items.",
            "short",
            THIRD,
            (f"rollgrid_reconcile_queue_length{{{OF_JOB}}}", "due"),
            (f"rollgrid_work_items{{{OF_JOB}}}", "work items"),
        ),
        graph(
            "Longest wait in the queue",
            "For being reconciled.",
            "s",
            THIRD,
            (f"rollgrid_reconcile_queue_age_seconds{{{OF_JOB}}}", "wait"),
        ),
        graph("Reconciling", "One scale set, once.", "s", THIRD, *_quantiles("rollgrid_reconcile_duration_seconds")),
        graph(
            "Database and broker",
            "How long a write, and an answer, took.",
            "s",
            THIRD,
            (f"rollgrid_database_check_duration_seconds{{{OF_JOB}}}", "database"),
            (f"rollgrid_broker_check_duration_seconds{{{OF_JOB}}}", "broker"),
        ),
    )


def _probe_provider_and_feed_graphs() -> tuple[Any, ...]:
    return (
        graph(
            "Probes",
            "A second, by their result.",
            "ops",
            THIRD,
            (f"sum by (result) (rate(rollgrid_probes_total{{{OF_JOB}}}[$__rate_interval]))", "{{result}}"),
        ),
        graph(
            "Late probes", "How much later than due they begin.", "s", THIRD, *_quantiles("rollgrid_probe_lag_seconds")
        ),
        graph("Duration of probes", "Until their result.", "s", THIRD, *_quantiles("rollgrid_probe_duration_seconds")),
        graph(
            "Calls of providers",
            "A second.",
            "ops",
            THIRD,
            (
                f"sum by (provider, call) (rate(rollgrid_provider_call_duration_seconds_count{{{OF_JOB}}}[$__rate_interval]))",
                "{{provider}} {{call}}",
            ),
        ),
        graph(
            "Errors of providers",
            "A second, by their kind.",
            "ops",
            THIRD,
            (
                f"sum by (provider, kind) (rate(rollgrid_provider_errors_total{{{OF_JOB}}}[$__rate_interval]))",
                "{{provider}} {{kind}}",
            ),
        ),
        graph("Feed", "From a change until it is sent.", "s", THIRD, *_quantiles("rollgrid_feed_lag_seconds")),
        graph(
            "Frames of the feed",
            "A second.",
            "ops",
            THIRD,
            (f"sum(rate(rollgrid_feed_frames_sent_total{{{OF_JOB}}}[$__rate_interval]))", "frames"),
        ),
    )


def texts() -> dict[str, str]:
    """{name of the file: its content}"""
    made = {"fleet": fleet(), "upgrades": upgrades(), "engine": engine()}
    return {
        f"{name}.json": json.dumps(board.build(), cls=JSONEncoder, sort_keys=True, indent=2) + "\n"
        for name, board in made.items()
    }


if __name__ == "__main__":
    for name, text in texts().items():
        (FOLDER / name).write_text(text)
