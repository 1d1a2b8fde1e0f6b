#!/usr/bin/env python3
"""Writes Grafana's dashboard, dashboard.json beside this file, which is not to be edited by hand.

Run it after a change, and commit both. A test compares them.
"""

from pathlib import Path

from grafana import (
    BLUE,
    DATASOURCE,
    GREEN,
    GREY,
    RED,
    YELLOW,
    graph,
    laid_out,
    of,
    panel,
    quantile,
    rate,
    rise,
    stat,
    steps,
    without_a_number,
    written,
)

FILE = Path(__file__).with_name("dashboard.json")

BUILDS = "registry_query_builds_total"
IN_FLIGHT = "registry_query_builds_in_flight"
QUEUED_AGE = "registry_query_oldest_queued_build_age_seconds"
CALLBACK_AGE = "registry_query_oldest_undelivered_callback_age_seconds"
REGISTRY = "registry_query_registry_requests_total"
LISTINGS = "registry_query_tag_listings_total"
HTTP = "registry_query_http_requests_total"
OUTCOMES = ("succeeded", "failed", "cancelled")
# Matchers.
SUCCEEDED = 'outcome="succeeded"'
FAILED = 'outcome="failed"'
ENDED = 'outcome=~"succeeded|failed"'
SAVED = 'source=~"shared|cache"'
OURS = 'job="registry-query"'

ROWS = {
    "Overview": [
        stat("Versions built", "Builds that succeeded in the time shown above.",
             f"round({rise(BUILDS, SUCCEEDED)})", decimals=0),
        stat("Success rate", "Of the builds that ended by themselves; cancelled ones do not count.",
             f"{rise(BUILDS, SUCCEEDED)} / {rise(BUILDS, ENDED)}",
             unit="percentunit", decimals=0, thresholds=steps(RED, (0.5, YELLOW), (0.8, GREEN)),
             mappings=[without_a_number("no builds")]),
        stat("In flight", "Builds that wait and builds that run.",
             f"max by (status) ({of(IN_FLIGHT)})", legend="{{status}}", decimals=0, thresholds=steps(BLUE)),
        stat("Oldest in the queue",
             "How long the build that waits longest has waited. A quota allows only so many at once.",
             f"max({of(QUEUED_AGE)})", unit="s", thresholds=steps(GREEN, (300, YELLOW), (900, RED))),
        stat("Oldest callback", "How long ago the build ended whose caller has waited longest for word of it.",
             f"max({of(CALLBACK_AGE)})", unit="s", thresholds=steps(GREEN, (60, YELLOW), (300, RED))),
        stat("Alerts", "Alerts of registry-query that fire now.",
             'count(ALERTS{alertname=~"RegistryQuery.+", alertstate="firing"}) or vector(0)', decimals=0,
             thresholds=steps(GREEN, (1, RED))),
        stat("Leader", "The replica that records how builds end, delivers callbacks and counts both.",
             f"{of('registry_query_leader')} == 1", legend="{{pod}}", name=True,
             noValue="nobody", thresholds=steps(BLUE)),
        stat("Version", "What runs. Two of them while a new one is rolled out.",
             f"count by (version, builder) ({of('registry_query_build_info')})", legend="{{version}} ({{builder}})",
             name=True, thresholds=steps(BLUE)),
    ],
    "Builds": [
        graph("Builds by outcome", "What ended when.",
              {"{{outcome}}": rise(BUILDS, by="outcome", over="$__rate_interval")},
              bars=True, stack=True, interval="5m", decimals=0, coloured=OUTCOMES),
        graph("Builds by webapp",
              "The busiest fifteen. 200 webapps have a name here; later ones are counted as `other`.",
              {"{{webapp}}": f"topk(15, {rise(BUILDS, by='webapp', over='$__rate_interval')})"},
              bars=True, stack=True, interval="5m", decimals=0),
        panel("bargauge", "Failures by webapp", "Builds that failed in the time shown above.",
              {"{{webapp}}": f"sort_desc(topk(15, {rise(BUILDS, FAILED, by='webapp')}))"},
              decimals=0, min=0, thresholds=steps(GREEN, (1, YELLOW), (3, RED)),
              options={"orientation": "horizontal", "displayMode": "basic", "showUnfilled": True,
                       "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}),
        *(graph(f"Phases, {word}", f"How long each phase takes at {word}; together they are not quite a whole build.",
                {"{{phase}}": quantile(share, "registry_query_build_phase_duration_seconds", by="phase")},
                unit="s", bars=True, stack=True, interval="30m")
          for word, share in (("median", 0.5), ("95th percentile", 0.95))),
        graph("Whole builds", "From the start of the work to its end, whatever came of it.",
              {word: quantile(share, "registry_query_build_duration_seconds")
               for word, share in (("median", 0.5), ("95th percentile", 0.95))}, unit="s", interval="30m"),
        graph("In flight", "Builds that wait and builds that run.",
              {"{{status}}": f"max by (status) ({of(IN_FLIGHT)})"}, stack=True, decimals=0,
              coloured=("queued", "running")),
        graph("Time in the queue", "From the request to the start of the work.",
              {word: quantile(share, "registry_query_build_queue_duration_seconds")
               for word, share in (("median", 0.5), ("95th percentile", 0.95))}
              | {"oldest now": f"max({of(QUEUED_AGE)})"}, unit="s", interval="5m"),
        graph("Versions taken by others",
              "Reservations that found their version taken and took the next. Harmless if rare.",
              {"conflicts": rise("registry_query_reservation_conflicts_total", over="$__rate_interval")},
              bars=True, interval="5m", decimals=0),
    ],
    "Registry": [
        graph("Requests by outcome",
              "Each try: `ok`, or the code of its error. `name_unknown` is a webapp without versions.",
              {"{{outcome}}": rate(REGISTRY, by="outcome")}, unit="reqps", stack=True,
              coloured=("ok", "unauthorized", "denied", "unavailable", "timeout")),
        graph("Requests by operation", "What is asked of the registry.",
              {"{{operation}}": rate(REGISTRY, by="operation")}, unit="reqps", stack=True),
        graph("Latency, 95th percentile", "By operation, whole, each try by itself.",
              {"{{operation}}": quantile(0.95, "registry_query_registry_request_duration_seconds", by="operation")},
              unit="s"),
        graph("Listings by source",
              "Where lists of tags came from: the registry, one under way for others, or the cache.",
              {"{{source}}": rate(LISTINGS, by="source")}, unit="reqps", stack=True),
        stat("Listings saved", "The share of lists that the registry was not asked for, in the time shown above.",
             f"{rise(LISTINGS, SAVED)} / {rise(LISTINGS)}", unit="percentunit", decimals=0, width=4,
             thresholds=steps(BLUE),
             mappings=[without_a_number("none asked")]),
        graph("Token renewals",
              "Tokens that a token server has given and refused. Registries with passwords have none.",
              {"{{outcome}}": rate("registry_query_registry_token_renewals_total", by="outcome")}, unit="reqps",
              coloured=("ok", "failed"), width=12),
    ],
    "Kubernetes": [
        graph("Watches out of date", "For how long a replica has not heard of Jobs or Pods; 0 while it is connected.",
              {"{{pod}} {{resource}}": f"max by (pod, resource) ({of('registry_query_watch_stale_seconds')})"},
              unit="s", width=6),
        graph("Watches begun anew", "Watches that broke or could not be opened. Their usual end, after some minutes, is none.",
              {"{{resource}}": rise("registry_query_watch_restarts_total", by="resource", over="$__rate_interval")},
              bars=True, interval="5m", decimals=0, width=6),
        graph("Requests by outcome",
              "Each try: `ok`, or the code of its error. `already_exists` is a version that is taken.",
              {"{{outcome}}": rate("registry_query_kubernetes_requests_total", by="outcome")}, unit="reqps", stack=True,
              coloured=("ok", "unauthorized", "timeout", "unavailable"), width=6),
        graph("Requests by operation", "What is asked of the API server.",
              {"{{operation}}": rate("registry_query_kubernetes_requests_total", by="operation")},
              unit="reqps", stack=True, width=6),
        panel("state-timeline", "Who leads",
              "One at a time. In a gap the new leader waits for the old one's Lease to run out.",
              {"{{pod}}": f"max by (pod) ({of('registry_query_leader')})"}, width=24, height=5,
              options={"mergeValues": True, "showValue": "never", "rowHeight": 0.8,
                       "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False}},
              mappings=[{"type": "value", "options": {"0": {"text": "follows", "color": GREY, "index": 0},
                                                      "1": {"text": "leads", "color": GREEN, "index": 1}}}]),
    ],
    "Callbacks and webhooks": [
        graph("Callbacks by outcome", "Attempts: `retried` ones come again, `abandoned` ones do not.",
              {"{{outcome}}": rise("registry_query_callbacks_total", by="outcome", over="$__rate_interval")},
              bars=True, stack=True, interval="5m", decimals=0, coloured=("delivered", "retried", "abandoned")),
        graph("Oldest callback",
              "How long its caller has waited since the build ended. Attempts end after half an hour.",
              {"age": f"max({of(CALLBACK_AGE)})"}, unit="s"),
        graph("Webhooks", "By source and outcome. `ignored` ones were well, and not about anything that is built.",
              {"{{source}} {{outcome}}":
               rise("registry_query_webhooks_total", by="source, outcome", over="$__rate_interval")},
              bars=True, stack=True, interval="5m", decimals=0),
    ],
    "HTTP": [
        graph("Requests by status", "What callers are answered.", {"{{status}}": rate(HTTP, by="status")}, unit="reqps",
              stack=True),
        graph("Requests by route", "What callers ask. `-` is what is no route.", {"{{route}}": rate(HTTP, by="route")},
              unit="reqps", stack=True),
        graph("Latency, 95th percentile", "By route, until the answer begins, with the wait that was asked for.",
              {"{{route}}": quantile(0.95, "registry_query_http_request_duration_seconds", by="route")},
              unit="s"),
    ],
    "Process": [
        graph("Memory", "Resident memory of each replica. The Deployment allows 256 MiB.",
              {"{{pod}}": of("process_resident_memory_bytes", OURS)}, unit="bytes", width=6),
        graph("CPU", "Cores in use by each replica.",
              {"{{pod}}": f"rate({of('process_cpu_seconds_total', OURS)}[$__rate_interval])"}, width=6),
        graph("Open files", "Files and sockets of each replica.",
              {"{{pod}}": of("process_open_fds", OURS)}, decimals=0, width=6),
        graph("Time since the start", "A line that falls is a restart.",
              {"{{pod}}": f"time() - {of('process_start_time_seconds', OURS)}"}, unit="s", width=6),
        graph("Metrics lost",
              "Metrics that contradict each other, and series beyond a family's limit: program mistakes.",
              {"conflicts {{pod}}": of("registry_query_metrics_conflicts_total"),
               "dropped {{pod}}": of("registry_query_metrics_dropped_series_total")}, decimals=0, width=24, height=5),
    ],
}  # fmt: skip


def dashboard():
    return {
        "uid": "registry-query",
        "title": "registry-query",
        "description": "What is built, what waits, and whether registry, cluster and callers get along.",
        "tags": ["registry-query", "builds"],
        "schemaVersion": 42,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "links": [],
        "annotations": {"list": []},
        "templating": {
            "list": [
                {
                    "name": "datasource",
                    "label": "Data source",
                    "type": "datasource",
                    "query": "prometheus",
                    "refresh": 1,
                },
                {
                    "name": "namespace",
                    "label": "Namespace",
                    "type": "query",
                    "datasource": DATASOURCE,
                    "definition": "label_values(registry_query_build_info, namespace)",
                    "query": {"query": "label_values(registry_query_build_info, namespace)", "refId": "namespace"},
                    "refresh": 2,
                    "sort": 1,
                },
            ]
        },
        "panels": laid_out(ROWS),
    }


def text():
    """What dashboard.json consists of."""
    return written(dashboard()) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
