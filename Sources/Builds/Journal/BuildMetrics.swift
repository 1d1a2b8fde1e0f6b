internal import FoundationEssentials
internal import Metrics

/// What is counted and measured of builds and callbacks.
enum BuildMetrics {
    /// Lets everything exist whose labels are known, with 0: what begins with 1 has never risen.
    static func prepare() {
        Counter(label: "registry_query_reservation_conflicts_total").increment(by: 0)
        for outcome in CallbackOutcome.allCases { callback(outcome, count: 0) }
        leads(false)
        gauges(Gauges())
    }

    // MARK: Reservations and callbacks

    static func reservationConflict() {
        Counter(label: "registry_query_reservation_conflicts_total").increment()
    }

    /// What came of an attempt to call back.
    enum CallbackOutcome: String, CaseIterable {
        case delivered, retried, abandoned
    }

    static func callback(_ outcome: CallbackOutcome, count: Int64 = 1) {
        Counter(label: "registry_query_callbacks_total", dimensions: [("outcome", outcome.rawValue)])
            .increment(by: count)
    }

    // MARK: Builds

    /// How many webapps have figures of their own is up to where they are collected.
    /// - Parameter count: 0 lets the counters of a webapp exist before its first build ends.
    static func builds(of webapp: WebappName, _ status: Build.Status, count: Int64 = 1) {
        Counter(
            label: "registry_query_builds_total", dimensions: [("webapp", "\(webapp)"), ("outcome", status.rawValue)]
        ).increment(by: count)
    }

    static func queued(for seconds: TimeInterval) {
        Recorder(label: "registry_query_build_queue_duration_seconds", aggregate: true).record(seconds)
    }

    static func durations(of build: Build) {
        if let startedAt = build.startedAt, let finishedAt = build.finishedAt {
            Recorder(
                label: "registry_query_build_duration_seconds", dimensions: [("outcome", build.status.rawValue)],
                aggregate: true
            ).record(max(finishedAt.timeIntervalSince(startedAt), 0))
        }
        for time in build.phaseTimes {
            guard let end = time.endedAt else { continue }
            Recorder(
                label: "registry_query_build_phase_duration_seconds", dimensions: [("phase", time.phase.rawValue)],
                aggregate: true
            ).record(end.timeIntervalSince(time.startedAt))
        }
    }

    // MARK: Gauges

    /// What is so at one moment, as whoever leads tells it.
    struct Gauges: Equatable {
        var queued = 0
        var running = 0
        var oldestQueued: TimeInterval = 0
        var oldestUndelivered: TimeInterval = 0
    }

    static func leads(_ isLeader: Bool) { Gauge(label: "registry_query_leader").record(isLeader ? 1 : 0) }

    static func gauges(_ gauges: Gauges) {
        for (status, count) in [(Build.Status.queued, gauges.queued), (.running, gauges.running)] {
            Gauge(label: "registry_query_builds_in_flight", dimensions: [("status", status.rawValue)]).record(count)
        }
        Gauge(label: "registry_query_oldest_queued_build_age_seconds").record(gauges.oldestQueued)
        Gauge(label: "registry_query_oldest_undelivered_callback_age_seconds").record(gauges.oldestUndelivered)
    }
}
