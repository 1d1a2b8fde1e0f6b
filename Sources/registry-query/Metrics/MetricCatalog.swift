import KubernetesClient
import OCIDistribution
import PrometheusMetrics
import RegistryQueryAPI

/// Every metric of the service, whoever emits it.
///
/// `deploy/prometheus/METRICS.md` lists the same; a test compares them.
enum MetricCatalog {
    static let all = builds + callbacks + cluster + registry + http + service + process

    private static let builds: [MetricDescription] = [
        MetricDescription(
            "registry_query_builds_total", .counter,
            labels: [
                .init("webapp", most: 200), .init("outcome", values: ["succeeded", "failed", "cancelled"]),
            ], help: "Builds that have ended, counted by the replica that leads."),
        MetricDescription(
            "registry_query_build_duration_seconds",
            .histogram(buckets: [5, 10, 20, 30, 60, 90, 120, 180, 300, 600, 900, 1800]),
            labels: [.init("outcome", values: ["succeeded", "failed", "cancelled"])],
            help: "Time from the start of a build's work to its end."),
        MetricDescription(
            "registry_query_build_phase_duration_seconds",
            .histogram(buckets: [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800]),
            labels: [.init("phase", values: ["cloning", "building", "pushing", "verifying"])],
            help: "Time that builds spent in a phase."),
        MetricDescription(
            "registry_query_build_queue_duration_seconds",
            .histogram(buckets: [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600]),
            help: "Time from the request for a build to the start of its work."),
        MetricDescription(
            "registry_query_builds_in_flight", .gauge, labels: [.init("status", values: ["queued", "running"])],
            help: "Builds that have not ended."),
        MetricDescription(
            "registry_query_oldest_queued_build_age_seconds", .gauge,
            help: "Age of the oldest build that has not started; 0 if there is none."),
        MetricDescription(
            "registry_query_reservation_conflicts_total", .counter,
            help: "Times a version was taken by somebody else first, after which the next one was tried."),
    ]

    private static let callbacks: [MetricDescription] = [
        MetricDescription(
            "registry_query_callbacks_total", .counter,
            labels: [.init("outcome", values: ["delivered", "retried", "abandoned"])],
            help: "Tries to call back, by what came of them."),
        MetricDescription(
            "registry_query_oldest_undelivered_callback_age_seconds", .gauge,
            help: "Time since the end of the build whose callback is owed longest; 0 if none is."),
        MetricDescription(
            "registry_query_leader", .gauge, help: "1 where this replica settles builds and calls back, else 0."),
    ]

    private static let cluster: [MetricDescription] = [
        MetricDescription(
            "registry_query_watch_restarts_total", .counter, labels: [.init("resource", values: watched)],
            help: "Watches of the cluster that broke, or could not be opened, and were begun again."),
        MetricDescription(
            "registry_query_watch_stale_seconds", .gauge, labels: [.init("resource", values: watched)],
            help: "Time since a watch of the cluster was last current; 0 while it is."),
        MetricDescription(
            "registry_query_kubernetes_requests_total", .counter,
            labels: [
                .init("operation", values: KubernetesOperation.metricLabels),
                .init("outcome", values: [KubernetesMetrics.ok, "unauthorized", "forbidden", "unreachable"]),
            ], help: "Requests to the API server, each try; the outcome of an error is its code."),
    ]

    private static let registry: [MetricDescription] = [
        MetricDescription(
            "registry_query_registry_requests_total", .counter,
            labels: [
                .init("operation", values: registryOperations),
                .init("outcome", values: [RegistryMetrics.ok, "unauthorized", "denied", "unavailable", "timeout"]),
            ],
            help:
                "Requests to the registry, each try with the credentials it takes; the outcome of an error is its code."
        ),
        MetricDescription(
            "registry_query_registry_request_duration_seconds",
            .histogram(buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20]),
            labels: [.init("operation", values: registryOperations)],
            help: "Time that a try of a request to the registry took, whole."),
        MetricDescription(
            "registry_query_registry_token_renewals_total", .counter,
            labels: [.init("outcome", values: [RegistryMetrics.ok, RegistryMetrics.failed])],
            help: "Tokens fetched for the registry."),
        MetricDescription(
            "registry_query_tag_listings_total", .counter,
            labels: [.init("source", values: RegistryMetrics.Source.allCases.map(\.rawValue))],
            help: "Listings of tags answered, by what they came from: shared and cache asked nothing of the registry."),
    ]

    private static let http: [MetricDescription] = [
        MetricDescription(
            "registry_query_http_requests_total", .counter, labels: ["route", "method", "status"],
            help: "Requests answered, counted when the answer begins; the route - is none."),
        MetricDescription(
            "registry_query_http_request_duration_seconds",
            .histogram(buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]), labels: ["route"],
            help: "Time until an answer begins, with the wait that was asked for."),
        MetricDescription(
            "registry_query_webhooks_total", .counter,
            labels: [
                .init("source", values: APIMetrics.webhookSources),
                .init(
                    "outcome",
                    values: APIMetrics.WebhookOutcome.allCases.map(\.rawValue) + ["unauthorized", "invalid_signature"]),
            ], help: "Webhooks that came in; the outcome of a problem is its code."),
    ]

    private static let service: [MetricDescription] = [
        MetricDescription(
            "registry_query_build_info", .gauge, labels: ["version", "builder"],
            help: "Always 1; the version of the program and which builder it uses."),
        PrometheusRegistry.conflicts, PrometheusRegistry.dropped,
    ]

    private static let process: [MetricDescription] = [
        MetricDescription(
            "process_resident_memory_bytes", .gauge, isZeroAtFirst: false, help: "Resident memory of the process."),
        MetricDescription(
            "process_virtual_memory_bytes", .gauge, isZeroAtFirst: false, help: "Virtual memory of the process."),
        MetricDescription(
            "process_cpu_seconds_total", .counter, isZeroAtFirst: false,
            help: "Processor time that the process used, in user and system mode."),
        MetricDescription(
            "process_open_fds", .gauge, isZeroAtFirst: false, help: "File descriptors that are open."),
        MetricDescription(
            "process_max_fds", .gauge, isZeroAtFirst: false, help: "File descriptors that may be open."),
        MetricDescription(
            "process_start_time_seconds", .gauge, isZeroAtFirst: false,
            help: "When the process started, as Unix time."),
    ]

    private static let watched = ["jobs", "pods"]
    private static let registryOperations = RegistryMetrics.Operation.allCases.map(\.rawValue)
}
