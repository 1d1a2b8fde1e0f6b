import HTTPTransport
import HTTPTransportTesting
import KubernetesStandIn
import Metrics
import MetricsTestKit
import Testing

@testable import KubernetesClient

@Suite("What is counted of the cluster", .timeLimit(.minutes(5)))
struct MetricsTests {
    private let metrics = TestMetrics()

    private func requests(_ operation: String, _ outcome: String) -> Int64 {
        metrics.counterTotal(
            label: "registry_query_kubernetes_requests_total",
            dimensions: [("operation", operation), ("outcome", outcome)])
    }

    private func stale(_ resource: String) throws -> Double? {
        try metrics.expectGauge("registry_query_watch_stale_seconds", [("resource", resource)]).lastValue
    }

    @Test("each try is counted by what it came to")
    func tries() async throws {
        let transport = ScriptedTransport([
            .init("GET", RetryTests.jobURL, answer: .response(status: 503, body: "")),
            .init("GET", RetryTests.jobURL, answer: RetryTests.lost),
            .init("GET", RetryTests.jobURL, answer: try RetryTests.job(200)),
        ])
        try await withMetricsFactory(metrics) { _ = try await client(transport).job(named: "build-x") }
        #expect(requests("get_jobs", "unavailable") == 1)
        #expect(requests("get_jobs", "unreachable") == 1)
        #expect(requests("get_jobs", "ok") == 1)
        #expect(metrics.counterTotal(label: "registry_query_kubernetes_requests_total") == 3)
    }

    @Test("every kind of call has a name of its own, which is known beforehand and fits a label")
    func operations() {
        let names = KubernetesOperation.metricLabels
        #expect(Set(names).count == names.count)
        #expect(names.contains("get_pods_log") && names.contains("create_tokenreviews") && names.contains("watch_jobs"))
        for name in names { #expect(name.allSatisfy { $0.isASCII && $0.isLowercase || $0 == "_" }, "\(name)") }
    }

    @Test("a watch that breaks is counted, one that ends in its time is not, and a refused one is a request, too")
    func restarts() async throws {
        let server = ReflectedServer(
            .list("10"), .watch(bookmark(11)), .watch(bookmark(12), end: .broken), .lost,
            .refused(403, "Forbidden"), .list("13"), .watch(bookmark(14), end: .silent))
        var limits = KubernetesClient.Limits()
        limits.call = .seconds(3600)
        let client = try client(server, clock: LeapingClock(longest: .seconds(31)), limits: limits)
        try await withMetricsFactory(metrics) {
            let task = Task { await client.jobReflector().run { _ in } }
            try await server.isWaiting.wait()
            client.recordMetrics()
            task.cancel()
            await task.value
        }
        #expect(
            metrics.counterTotal(label: "registry_query_watch_restarts_total", dimensions: [("resource", "jobs")]) == 3)
        #expect(requests("watch_jobs", "ok") == 3)
        #expect(requests("watch_jobs", "forbidden") == 1 && requests("watch_jobs", "unreachable") == 1)
        #expect(requests("list_jobs", "ok") == 2)
        #expect(try stale("jobs") == 0)
    }

    @Test("what is known grows old from the moment on when the watch was last current, however often it is tried")
    func staleness() async throws {
        let clock = LeapingClock()
        let ages = WatchAges(clock: clock)
        #expect(ages.ages == [:], "nobody watches")
        ages.noteStale("jobs")
        clock.advance(by: .seconds(3))
        #expect(ages.ages == ["jobs": .seconds(3)], "it was never current")
        ages.noteCurrent("jobs")
        clock.advance(by: .seconds(300))
        #expect(ages.ages == ["jobs": .zero])
        ages.noteStale("jobs")
        clock.advance(by: .seconds(20))
        ages.noteStale("jobs")
        ages.noteStale("pods")
        clock.advance(by: .milliseconds(1500))
        #expect(ages.ages == ["jobs": .milliseconds(21500), "pods": .milliseconds(1500)])
        ages.noteEnd("jobs")
        #expect(ages.ages == ["pods": .milliseconds(1500)])
    }

    @Test("the age is told at the time of asking, while no watch can be opened")
    func told() async throws {
        let server = ReflectedServer(.list("10"))
        let clock = LeapingClock()
        let client = try client(server, clock: clock)
        try await withMetricsFactory(metrics) {
            let task = Task { await client.jobReflector().run { _ in } }
            try await server.isWaiting.wait()
            clock.advance(by: .seconds(7))
            client.recordMetrics()
            #expect(try stale("jobs") == 7)
            clock.advance(by: .milliseconds(500))
            client.recordMetrics()
            #expect(try stale("jobs") == 7.5)
            task.cancel()
            await task.value
        }
    }
}
