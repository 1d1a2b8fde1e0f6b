import FoundationEssentials
import Logging
import Metrics
import MetricsTestKit
import OCIDistribution
import RegistryTesting
import Testing

@testable import Builds

extension TestMetrics {
    /// How often something was counted, for labels that are among the dimensions.
    func count(_ label: String, _ dimensions: [(String, String)] = []) -> Int64? {
        let found = counters(label: label).filter { counter in
            dimensions.allSatisfy { wanted in counter.dimensions.contains { $0 == wanted } }
        }
        return found.isEmpty ? nil : found.reduce(0) { $0 + $1.totalValue }
    }

    /// What a gauge shows.
    func gauge(_ label: String, _ dimensions: [(String, String)] = []) -> Double? {
        recorders(label: label, dimensions: dimensions).first?.lastValue
    }

    /// What was measured.
    func measured(_ label: String, _ dimensions: [(String, String)] = []) -> [Double] {
        recorders(label: label, dimensions: dimensions).flatMap(\.values)
    }
}

@Suite("What is told of builds in metrics and in the log")
struct BuildReporterTests {
    private let start = Date(timeIntervalSince1970: 1_795_339_400)

    private func build(
        _ version: String = "v1.0.0", webapp: String = "app-example", createdAt: Double = 0
    ) throws -> Build {
        var build = try kubernetesPlan(version, webapp: webapp).queued(message: "waiting")
        build.createdAt = start + createdAt
        return build
    }

    /// From 4 s after its reservation on: 3 s cloning, 20 s building, 5 s pushing, 2 s verifying.
    private func ended(_ build: Build, _ status: Build.Status) -> Build {
        var build = build
        build.startedAt = build.createdAt + 4
        for (phase, second) in [(Build.Phase.cloning, 4.0), (.building, 7), (.pushing, 27), (.verifying, 32)] {
            build.phaseStarts[phase] = build.createdAt + second
        }
        if status == .succeeded { build.succeed(.sha256(of: [])) } else { build.fail("npm ci failed") }
        build.status = status
        build.finishedAt = build.createdAt + 34
        return build
    }

    private func report(_ reporter: inout BuildReporter, _ builds: [Build], at seconds: Double) {
        let owed = builds.filter { $0.status.isFinal && $0.owesCallback }
        reporter.report(builds.map { BuildJournal.Observation(build: $0) }, owed: owed, at: start + seconds)
    }

    @Test("a build that ends is counted and measured", arguments: [Build.Status.succeeded, .failed, .cancelled])
    func counted(_ status: Build.Status) throws {
        let metrics = TestMetrics()
        try withMetricsFactory(metrics) {
            var reporter = BuildReporter(logger: .silent)
            report(&reporter, [ended(try build("v0.9.0"), .succeeded)], at: 0)
            #expect(metrics.count("registry_query_builds_total") == 0, "it had ended before; its webapp is known")
            let queued = try build()
            report(&reporter, [queued], at: 1)
            for outcome in ["succeeded", "failed", "cancelled"] {
                let labels = [("webapp", "app-example"), ("outcome", outcome)]
                #expect(metrics.count("registry_query_builds_total", labels) == 0, "it has to have been 0 before")
            }
            for second in 40...42 { report(&reporter, [ended(queued, status)], at: Double(second)) }
        }
        #expect(metrics.count("registry_query_builds_total") == 1)
        #expect(metrics.count("registry_query_builds_total", [("outcome", status.rawValue)]) == 1)
        #expect(metrics.measured("registry_query_build_queue_duration_seconds") == [4])
        #expect(
            metrics.measured("registry_query_build_duration_seconds", [("outcome", status.rawValue)]) == [30])
        for (phase, seconds) in [("cloning", 3.0), ("building", 20), ("pushing", 5), ("verifying", 2)] {
            #expect(
                metrics.measured("registry_query_build_phase_duration_seconds", [("phase", phase)]) == [seconds])
        }
    }

    @Test("the gauges show what is so, go on with the time, and are 0 once another leads")
    func gauges() throws {
        let metrics = TestMetrics()
        func shown() -> [Double?] {
            [
                metrics.gauge("registry_query_leader"),
                metrics.gauge("registry_query_builds_in_flight", [("status", "queued")]),
                metrics.gauge("registry_query_builds_in_flight", [("status", "running")]),
                metrics.gauge("registry_query_oldest_queued_build_age_seconds"),
                metrics.gauge("registry_query_oldest_undelivered_callback_age_seconds"),
            ]
        }
        try withMetricsFactory(metrics) {
            var reporter = BuildReporter(logger: .silent)
            reporter.refresh(at: start)
            #expect(shown() == [1, nil, nil, nil, nil], "nothing is known yet")
            var running = try build("v1.0.0")
            running.startedAt = start
            running.begin(.building, "building")
            var owing = ended(try build("v1.0.1"), .failed)
            owing.callback = Callback()
            let queued = [try build("v1.0.2", createdAt: 10), try build("v1.0.3", createdAt: 20)]
            report(&reporter, queued + [running, owing], at: 50)
            #expect(shown() == [1, 2, 1, 40, 16])
            reporter.refresh(at: start + 55)
            #expect(shown() == [1, 2, 1, 45, 21])
            owing.callback?.status = .delivered
            report(&reporter, [running, owing], at: 60)
            #expect(shown() == [1, 0, 1, 0, 0])
            // A clock that was set back.
            report(&reporter, [try build("v1.0.4", createdAt: 1000), owing], at: 60)
            #expect(shown() == [1, 1, 0, 0, 0])
            // One whose end is not settled runs no more, and one that is held back does not run yet.
            var heldBack = try build("v1.0.5")
            heldBack.isHeldBack = true
            heldBack.status = .running
            let unsettled = [ended(try build("v1.0.6"), .failed), ended(try build("v1.0.7"), .cancelled), heldBack]
            reporter.report(
                unsettled.map { BuildJournal.Observation(build: $0, isSettled: false) }, owed: [], at: start + 70)
            #expect(shown() == [1, 0, 0, 0, 0])
            reporter.end()
        }
        #expect(shown() == [0, 0, 0, 0, 0])
    }

    @Test("everything whose labels are known is there with 0 from the start")
    func prepared() {
        let metrics = TestMetrics()
        withMetricsFactory(metrics) { BuildMetrics.prepare() }
        #expect(metrics.count("registry_query_reservation_conflicts_total") == 0)
        for outcome in ["delivered", "retried", "abandoned"] {
            #expect(metrics.count("registry_query_callbacks_total", [("outcome", outcome)]) == 0)
        }
        for status in ["queued", "running"] {
            #expect(metrics.gauge("registry_query_builds_in_flight", [("status", status)]) == 0)
        }
        #expect(metrics.gauge("registry_query_leader") == 0)
    }

    @Test("each event is one line, with what it is about as fields")
    func lines() throws {
        let book = LogBook()
        try withMetricsFactory(TestMetrics()) {
            var reporter = BuildReporter(logger: book.logger)
            report(&reporter, [ended(try build("v0.9.0"), .failed)], at: 0)
            let (good, bad) = (try build("v1.0.0"), try build("v1.0.1"))
            report(&reporter, [good, bad], at: 1)
            var cloning = good
            cloning.startedAt = start + 4
            cloning.begin(.cloning, "cloning")
            report(&reporter, [cloning, bad], at: 5)
            var failed = ended(bad, .failed)
            failed.message =
                "buildkit at https://user:hunter2@host.example failed with exit code 1: #9 0.1 password is hunter2 (ask)"
            report(&reporter, [ended(good, .succeeded), failed], at: 50)
            // However long, it is bounded.
            let long = try build("v1.0.2")
            failed = ended(long, .failed)
            failed.message = String(repeating: "x", count: 5000)
            report(&reporter, [long], at: 60)
            report(&reporter, [failed], at: 70)
        }
        let last = try #require(book.lines.last)
        #expect(last.contains("reason=xxx") && last.utf8.count < 500)
        let digest = Digest.sha256(of: [])
        let id = "build-app-example-v1-0-"
        #expect(
            Array(book.lines.prefix(12)) == [
                "info build started build=\(id)0 queue_seconds=4.0 tag=v1.0.0",
                "info build phase began build=\(id)0 phase=cloning",
                "info build phase began build=\(id)0 phase=building",
                "info build phase began build=\(id)0 phase=pushing",
                "info build phase began build=\(id)0 phase=verifying",
                "info build ended build=\(id)0 digest=\(digest) duration_seconds=30.0 "
                    + "status=succeeded tag=v1.0.0",
                "info build started build=\(id)1 queue_seconds=4.0 tag=v1.0.1",
                "info build phase began build=\(id)1 phase=cloning",
                "info build phase began build=\(id)1 phase=building",
                "info build phase began build=\(id)1 phase=pushing",
                "info build phase began build=\(id)1 phase=verifying",
                "warning build ended build=\(id)1 duration_seconds=30.0 phase=verifying "
                    + "reason=buildkit at https://***@host.example failed with exit code 1 status=failed tag=v1.0.1",
            ])
    }
}
