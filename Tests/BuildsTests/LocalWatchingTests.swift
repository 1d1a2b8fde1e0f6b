import FoundationEssentials
import Logging
import Metrics
import MetricsTestKit
import OCIDistribution
import RegistryTesting
import SystemPackage
import Testing

@testable import Builds

@Suite("Looking on while builds run on this machine")
struct LocalWatchingTests {
    private func withStore(_ body: (TemporaryDirectory, LocalBuildStore) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        try await body(directory, LocalBuildStore(root: FilePath(directory.path)))
    }

    private func reserve(_ version: String, in store: LocalBuildStore) throws -> Build {
        #expect(try store.reserve(try plan(version)))
        return try #require(try store.build(try plan(version).id))
    }

    private func service(_ directory: TemporaryDirectory, logger: Logger = .silent) -> LocalBuilder {
        LocalBuilder(
            stateDirectory: FilePath(directory.path), places: 1,
            worker: LocalBuilder.WorkerCommand(executable: "/bin/true", arguments: [], environment: [:]),
            callbacks: nil, longestCallbackEnding: .milliseconds(100), logger: logger)
    }

    // MARK: Reading what has changed

    @Test("a build that does not change is read once, and one that does each time")
    func reads() async throws {
        try await withStore { _, store in
            let builds = try (0..<10).map { try reserve("v1.0.\($0)", in: store) }
            let cache = LocalBuildCache(store)
            #expect(Set(try cache.content().whole().map(\.id)) == Set(builds.map(\.id)))
            // A directory that has just changed might change again within the same tick of the clock.
            try await Task.sleep(for: .milliseconds(2100))
            let settled = try cache.content()
            let reads = cache.reads
            for _ in 0..<5 { #expect(try cache.content().generation == settled.generation) }
            #expect(cache.reads == reads, "nothing has changed")
            var changed = builds[7]
            changed.begin(.cloning, "cloning")
            try store.update(changed)
            let content = try cache.content()
            #expect(cache.reads == reads + 1)
            #expect(content.generation == settled.generation + 1)
            #expect(try content.whole().first { $0.id == changed.id }?.phase == .cloning)
        }
    }

    @Test("a directory that changed a moment ago, or later than now, is not relied on")
    func unrest() async throws {
        try await withStore { _, store in
            let build = try reserve("v1.0.0", in: store)
            let stamp = try #require(LocalBuildCache.Stamp(store.directory(of: build.id)))
            for (seconds, isSettled) in [(-3600.0, false), (0, false), (1.9, false), (2.1, true), (3600, true)] {
                #expect(stamp.isSettled(at: stamp.changedAt + Int64(seconds * 1e9)) == isSettled)
            }
            #expect(LocalBuildCache.Stamp(store.directory(of: try plan("v1.0.1").id)) == nil)
        }
    }

    @Test("no change is missed, however fast they follow each other")
    func fastChanges() async throws {
        try await withStore { _, store in
            var build = try reserve("v1.0.0", in: store)
            let cache = LocalBuildCache(store)
            for number in 0..<200 {
                build.message = "change \(number)"
                try store.update(build)
                #expect(try cache.content().whole().map(\.message) == [build.message])
            }
        }
    }

    @Test("a build that is cancelled, cleaned away or made again under its name is seen as it is")
    func comingAndGoing() async throws {
        try await withStore { directory, store in
            let cache = LocalBuildCache(store)
            #expect(try cache.content().whole().isEmpty, "there is no directory yet")
            let first = try reserve("v1.0.0", in: store)
            #expect(try cache.content().whole().map(\.id) == [first.id])
            _ = try await service(directory).cancel(first.id)
            let content = try cache.content()
            #expect(try content.whole().isEmpty)
            #expect(content.ended.map(\.status) == [.cancelled])
            var again = try plan("v1.0.0")
            again.createdAt += 10
            #expect(try store.reserve(again))
            #expect(try cache.content().whole().map(\.createdAt) == [again.createdAt])
        }
    }

    @Test("a build that cannot be read is told of, and hides no callback of another")
    func damaged() async throws {
        try await withStore { _, store in
            var owing = try plan("v1.0.0")
            owing.callbackURL = "https://n8n.example/"
            #expect(try store.reserve(owing))
            var build = try #require(try store.build(owing.id))
            build.fail("no")
            try store.update(build)
            let cache = LocalBuildCache(store)
            let whole = try cache.content()
            let rest = store.directory(of: try plan("v1.0.1").id)
            try FileManager.default.createDirectory(atPath: rest.string, withIntermediateDirectories: false)
            let content = try cache.content()
            #expect(throws: BuildsError.self) { try content.whole() }
            #expect(content.owed.map(\.id) == [owing.id])
            #expect(content.generation > whole.generation)
        }
    }

    @Test("a build that cannot be read any more is as it was last, and silences no other")
    func lastKnown() async throws {
        try await withStore { directory, store in
            var running = try reserve("v1.0.0", in: store)
            running.begin(.building, "building")
            try store.update(running)
            let other = try reserve("v1.0.1", in: store)
            let metrics = TestMetrics()
            let builder = service(directory)
            let run = withMetricsFactory(metrics) { Task { await builder.keepJournal() } }
            defer { run.cancel() }
            func inFlight(_ status: String) -> Double? {
                metrics.gauge("registry_query_builds_in_flight", [("status", status)])
            }
            try await eventually("both are seen") { inFlight("running") == 1 && inFlight("queued") == 1 }
            try store.replace("status.json", in: store.directory(of: running.id), with: ["status": "?"])
            #expect(throws: BuildsError.self) { try builder.cache.content().whole() }
            #expect(try builder.cache.content().damaged.map(\.id) == [running.id])
            _ = try await service(directory).cancel(other.id)
            try await eventually("the other is told of") {
                metrics.count("registry_query_builds_total", [("outcome", "cancelled")]) == 1
            }
            #expect(inFlight("running") == 1 && inFlight("queued") == 0)
            running.fail("no")
            try store.update(running)
            try await eventually("it is told of once it is repaired") {
                metrics.count("registry_query_builds_total", [("outcome", "failed")]) == 1
            }
            #expect(metrics.count("registry_query_builds_total") == 2)
        }
    }

    @Test("a glance is of one webapp or of all, is of this moment or nearly so, and never of a part")
    func glances() async throws {
        try await withStore { directory, store in
            let one = try reserve("v1.0.0", in: store)
            #expect(try store.reserve(try plan("v1.0.0", webapp: "app-other")))
            let builder = service(directory)
            #expect(try await builder.glance(of: one.webapp) == [one])
            #expect(Set(try await builder.glance(of: nil).map(\.webapp.description)) == ["app-example", "app-other"])
            #expect(try await builder.glance(of: try WebappName("app-none")).isEmpty)
            let next = try reserve("v1.0.1", in: store)
            try await eventually("it is seen") { try await builder.glance(of: next.webapp).contains(next) }
            try FileManager.default.createDirectory(
                atPath: store.directory(of: try plan("v1.0.2").id).string, withIntermediateDirectories: false)
            try await eventually("what is there cannot be told") {
                do {
                    _ = try await builder.glance(of: nil)
                    return false
                } catch let error as BuildsError {
                    return error.code == .builderUnavailable
                }
            }
        }
    }

    @Test("looking at many builds that do not change reads none of them")
    func many() async throws {
        try await withStore { _, store in
            for number in 0..<50 { _ = try reserve("v1.\(number).0", in: store) }
            let cache = LocalBuildCache(store)
            try await Task.sleep(for: .milliseconds(2100))
            #expect(try cache.content().whole().count == 50)
            let reads = cache.reads
            for _ in 0..<10 { #expect(try cache.content().whole().count == 50) }
            #expect(cache.reads == reads)
        }
    }

    // MARK: Who counts

    @Test("of two processes the one that holds the lock counts, and only what ends while it does")
    func counts() async throws {
        try await withStore { directory, store in
            var old = try reserve("v1.0.0", in: store)
            old.fail("long ago")
            try store.update(old)
            let book = LogBook()
            let metrics = [TestMetrics(), TestMetrics()]
            let runs = metrics.map { metrics in
                let builder = service(directory, logger: book.logger)
                return withMetricsFactory(metrics) { Task { await builder.run(as: .service) { _ in } } }
            }
            defer { for run in runs { run.cancel() } }
            func leaders() -> [Int] { metrics.indices.filter { metrics[$0].gauge("registry_query_leader") == 1 } }
            try await eventually("one counts") { leaders().count == 1 }
            let leader = try #require(leaders().first)
            try await eventually("it has seen what there is") {
                metrics[leader].gauge("registry_query_builds_in_flight", [("status", "queued")]) == 0
            }
            var build = try reserve("v1.0.1", in: store)
            try await eventually("it is seen") {
                metrics[leader].gauge("registry_query_builds_in_flight", [("status", "queued")]) == 1
            }
            build.startedAt = Date()
            for phase in Build.Phase.allCases { build.begin(phase, "") }
            build.succeed(.sha256(of: []))
            try store.update(build)
            let total = "registry_query_builds_total"
            try await eventually("it is counted") {
                metrics[leader].count(total, [("outcome", "succeeded"), ("webapp", "app-example")]) == 1
            }
            #expect(metrics[leader].count(total) == 1 && metrics[1 - leader].count(total) == nil)
            let lines = book.lines.filter { $0.contains("build=\(build.id)") }
            #expect(lines.count { $0.hasPrefix("info build ended") } == 1 && lines.count == 6, "\(lines)")

            runs[leader].cancel()
            await runs[leader].value
            #expect(leaders().isEmpty || leaders() == [1 - leader])
            try await eventually("the other counts") { leaders() == [1 - leader] }
            let cancelled = try reserve("v1.0.2", in: store)
            try await eventually("it is seen") {
                metrics[1 - leader].gauge("registry_query_builds_in_flight", [("status", "queued")]) == 1
            }
            _ = try await service(directory).cancel(cancelled.id)
            try await eventually("it is counted") {
                metrics[1 - leader].count(total, [("outcome", "cancelled")]) == 1
            }
            #expect(metrics[1 - leader].count(total) == 1)
        }
    }

    @Test("the age of a callback that nobody takes is told, also of a cancelled build")
    func owedCallback() async throws {
        try await withStore { directory, store in
            var owing = try plan("v1.0.0")
            owing.callbackURL = "http://127.0.0.1:1/hook"
            #expect(try store.reserve(owing))
            _ = try await service(directory).cancel(owing.id)
            let metrics = TestMetrics()
            let sender = try callbackSender(
                TestTransport { _ in throw TestingError("nobody listens") }, targets: "http://127.0.0.1")
            let builder = LocalBuilder(
                stateDirectory: FilePath(directory.path), places: 1,
                worker: LocalBuilder.WorkerCommand(executable: "/bin/true", arguments: [], environment: [:]),
                callbacks: sender, longestCallbackEnding: .milliseconds(100), logger: .silent)
            let run = withMetricsFactory(metrics) { Task { await builder.run(as: .service) { _ in } } }
            try await eventually("it grows older") {
                (metrics.gauge("registry_query_oldest_undelivered_callback_age_seconds") ?? 0) > 1
            }
            run.cancel()
            await run.value
            #expect(metrics.gauge("registry_query_oldest_undelivered_callback_age_seconds") == 0)
        }
    }

    @Test("looking on tells of each change within a moment")
    func snapshots() async throws {
        try await withStore { directory, store in
            let builder = service(directory)
            var snapshots = builder.snapshots().makeAsyncIterator()
            #expect(try await snapshots.next() == [])
            var build = try reserve("v1.0.0", in: store)
            #expect(try await snapshots.next() == [build])
            build.begin(.building, "building")
            build.progress = Build.Progress(step: 1, steps: 2, instruction: "FROM scratch")
            try store.update(build)
            let seen = try #require(try await snapshots.next()?.first)
            #expect(seen.phase == .building && seen.progress == build.progress)
            #expect(seen.phaseTimes.map(\.phase) == [.building])
            build.begin(.pushing, "pushing")
            #expect(build.progress != nil)
            build.begin(.verifying, "asking")
            #expect(build.progress == nil, "the steps are over")
        }
    }
}
