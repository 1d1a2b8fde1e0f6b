import FoundationEssentials
import HTTPTransport
import KubernetesClient
import KubernetesStandIn
import Logging
import Metrics
import MetricsTestKit
import OCIDistribution
import RegistryTesting
import Synchronization
import Testing

@testable import Builds

@Suite("Looking on while Jobs are built")
struct KubernetesWatchingTests {
    private func withHarness(_ body: (KubernetesHarness, MemoryRegistry) async throws -> Void) async throws {
        let registry = MemoryRegistry()
        let destination = KubernetesHarness.Destination(registry: registry) { try registry.push($0) }
        try await KubernetesHarness.run(destination: destination) { try await body($0, registry) }
    }

    @discardableResult
    private func create(_ plan: BuildPlan, _ builder: KubernetesJobBuilder) async throws -> Build {
        guard case .created(let build) = try await builder.create(plan) else {
            throw TestingError("the name of \(plan.id) is free")
        }
        return build
    }

    private func isRecorded(_ plan: BuildPlan, _ harness: KubernetesHarness) -> Bool {
        harness.standIn.job(plan.id.description)?["metadata"]?["annotations"]?["registry-query/status"] != nil
    }

    // MARK: Snapshots

    @Test("while the watches are open, looking on asks neither the cluster nor the registry anything")
    func asksNothing() async throws {
        try await withHarness { harness, registry in
            let builder = try harness.kubernetesBuilder()
            let replica = Task { await builder.run(as: .observer) { _ in } }
            defer { replica.cancel() }
            try await eventually("the watches are open") { builder.board.isLive }
            let gate = Gate()
            harness.standIn.withSettings { $0.script = { _, _ in .success().waiting(for: gate) { $0.startsMain } } }
            let plan = try kubernetesPlan()
            try await create(plan, try harness.kubernetesBuilder())
            try await eventually("the clone has ended") {
                builder.board.entries.first?.pod?.container(named: "git-clone")?.state?.terminated != nil
            }
            try await Task.sleep(for: .milliseconds(500))
            // Of this process's builds only what its watches and logs tell is known from here on. The server ends watches
            // now and then, which are opened again.
            func asked() -> [String] {
                harness.standIn.requests.filter { $0.query["watch"] != "true" }.map { "\($0.method) \($0.target)" }
            }
            let requests = asked()
            let questions = registry.questions
            for _ in 0..<20 {
                var snapshots = builder.snapshots().makeAsyncIterator()
                #expect(try await snapshots.next()?.map(\.id) == [plan.id])
                #expect(try await builder.glance(of: plan.webapp).map(\.id) == [plan.id])
                #expect(try await builder.glance(of: WebappName("another")).isEmpty)
            }
            #expect(asked() == requests)
            #expect(registry.questions == questions)
            gate.open()
        }
    }

    @Test("however much changes, at most four times a second is told of it")
    func rate() async throws {
        try await withHarness { harness, _ in
            let builder = try harness.kubernetesBuilder()
            harness.start(builder)
            try await eventually("the watches are open") { builder.board.isLive }
            let start = ContinuousClock.now
            let times = Mutex<[Duration]>([])
            let looking = Task {
                for try await _ in builder.snapshots() { times.withLock { $0.append(start.duration(to: .now)) } }
            }
            defer { looking.cancel() }
            try await eventually("something is told at once") { times.withLock { !$0.isEmpty } }
            let plans = try (0..<8).map { try kubernetesPlan("v1.0.\($0)") }
            for plan in plans { try await create(plan, builder) }
            try await eventually("all have ended") { plans.allSatisfy { isRecorded($0, harness) } }
            try await eventually("it is told of them") { times.withLock { $0.count >= 2 } }
            let told = times.withLock(\.self)
            let pauses = zip(told, told.dropFirst()).map { $1 - $0 }
            #expect(pauses.allSatisfy { $0 >= .milliseconds(240) }, "\(pauses)")
        }
    }

    @Test("without watches the builds are listed, and nothing is recorded for it")
    func listed() async throws {
        try await withHarness { harness, registry in
            let builder = try harness.kubernetesBuilder()
            let plan = try kubernetesPlan()
            try await create(plan, builder)
            try await eventually("the Job has completed") {
                harness.standIn.job(plan.id.description)?["status"]?["completionTime"] != nil
            }
            let questions = registry.questions
            var snapshots = builder.snapshots().makeAsyncIterator()
            let build = try #require(try await snapshots.next()?.first)
            #expect(build.status == .running && build.phase == .verifying)
            #expect(!isRecorded(plan, harness) && registry.questions == questions)
        }
    }

    @Test("while the API server cannot be asked the error is told")
    func trouble() async throws {
        try await withHarness { harness, _ in
            let builder = try harness.kubernetesBuilder()
            harness.standIn.withSettings { $0.allowed = [] }
            var snapshots = builder.snapshots().makeAsyncIterator()
            await #expect(throws: KubernetesError.self) { _ = try await snapshots.next() }
        }
    }

    // MARK: Progress and phases

    @Test("the steps and the push are told while they go on, and the times of the phases outlive Pod and process")
    func progress() async throws {
        try await withHarness { harness, _ in
            let builder = try harness.kubernetesBuilder()
            let replica = harness.start(builder)
            let plan = try kubernetesPlan()
            let gate = Gate()
            harness.standIn.withSettings { settings in
                settings.script = { _, _ in
                    .success { context in
                        try await gate.wait()
                        return try harness.registryPush(context.image)
                    }
                }
            }
            try await create(plan, builder)
            try await eventually("it pushes") { try await builder.build(plan.id)?.phase == .pushing }
            let pushing = try #require(try await builder.build(plan.id))
            #expect(pushing.progress == Build.Progress(step: 2, steps: 2, instruction: "COPY . /src"))
            #expect(pushing.phaseTimes.map(\.phase) == [.cloning, .building, .pushing])
            #expect(pushing.phaseTimes.last?.endedAt == nil)
            gate.open()
            try await eventually("it is recorded") { isRecorded(plan, harness) }
            replica.cancel()
            await replica.value
            for pod in harness.standIn.podNames { harness.standIn.deletePod(pod) }
            let build = try #require(try await harness.kubernetesBuilder().build(plan.id))
            #expect(build.status == .succeeded && build.progress == nil)
            #expect(build.phaseTimes.map(\.phase) == Build.Phase.allCases)
            // The cluster tells of the end in whole seconds.
            let seen = try #require(pushing.phaseStarts[.pushing])
            #expect(try build.phaseStarts[.pushing] == min(seen, #require(build.phaseStarts[.verifying])))
            #expect(build.phaseTimes.allSatisfy { time in time.endedAt.map { $0 >= time.startedAt } ?? false })
        }
    }

    @Test("a log that is read again from its beginning takes a build nowhere back")
    func readAgain() async throws {
        try await withHarness { harness, _ in
            let builder = try harness.kubernetesBuilder()
            try await create(try kubernetesPlan(), builder)
            let found = try #require(try await builder.allBuilds().first)
            builder.board.apply(.listed([found.job]))
            let lines = ["#5 [1/2] FROM base\n", "#6 [2/2] COPY . /src\n", "#12 pushing layers\n"]
            for (second, reading) in [1000, 2000].enumerated() {
                var progress = BuildKitProgress()
                for line in lines {
                    progress.read(Array(line.utf8))
                    builder.board.apply(progress, to: found, at: Date(timeIntervalSince1970: Double(reading)))
                    guard second == 1 else { continue }
                    #expect(builder.board.log(of: found).progress?.isPushing == true)
                    #expect(builder.board.log(of: found).progress?.progress?.step == 2)
                }
            }
            #expect(builder.board.log(of: found).pushingSince == Date(timeIntervalSince1970: 1000))
        }
    }

    @Test("two that record the same end tell the same of it, though one has seen the push and the other has not")
    func sameEnd() async throws {
        try await withHarness { harness, _ in
            let (one, other) = (try harness.kubernetesBuilder(), try harness.kubernetesBuilder())
            let plan = try kubernetesPlan()
            try await create(plan, one)
            try await eventually("the Job has completed") {
                harness.standIn.job(plan.id.description)?["status"]?["completionTime"] != nil
            }
            let entry = try #require(try await other.listedEntries().first)
            var progress = BuildKitProgress()
            progress.read(Array("#12 pushing layers\n".utf8))
            one.board.apply(.listed([entry.found.job]))
            one.board.apply(progress, to: entry.found, at: Date())
            let first = try #require(try await one.build(plan.id))
            #expect(first.status == .succeeded && first.phaseStarts[.pushing] != nil)
            #expect(try await other.settledInTime(entry) == first)
        }
    }

    // MARK: Who counts

    @Test("of several replicas one counts each build, and a new leader nothing that had ended before")
    func leader() async throws {
        try await withHarness { harness, _ in
            let metrics = (TestMetrics(), TestMetrics(), TestMetrics())
            let book = LogBook()
            func run(_ metrics: TestMetrics) throws -> (KubernetesJobBuilder, Task<Void, Never>) {
                let builder = try harness.kubernetesBuilder(logger: book.logger)
                return (builder, withMetricsFactory(metrics) { harness.start(builder) })
            }
            func sum(_ label: String, _ labels: [(String, String)] = []) -> Int64 {
                [metrics.0, metrics.1, metrics.2].reduce(0) { $0 + ($1.count(label, labels) ?? 0) }
            }
            /// Once it has seen what there is.
            func leads(_ metrics: TestMetrics) -> Bool {
                metrics.gauge("registry_query_leader") == 1
                    && metrics.gauge("registry_query_oldest_queued_build_age_seconds") != nil
            }

            let (first, firstRun) = try run(metrics.0)
            try await eventually("the first leads") { leads(metrics.0) }
            let (_, secondRun) = try run(metrics.1)
            let plans = try (0..<3).map { try kubernetesPlan("v1.0.\($0)") }
            for plan in plans { try await create(plan, first) }
            let total = "registry_query_builds_total"
            try await eventually("all are counted") { sum(total, [("outcome", "succeeded")]) == 3 }
            #expect(metrics.0.count(total) == 3 && !leads(metrics.1))
            // Gauges follow the counters. A push that takes no time is not always seen.
            try await eventually("none is in flight") {
                metrics.0.gauge("registry_query_builds_in_flight", [("status", "running")]) == 0
            }
            for phase in ["cloning", "building", "verifying"] {
                let label = "registry_query_build_phase_duration_seconds"
                #expect(metrics.0.measured(label, [("phase", phase)]).count == 3, "\(phase)")
            }
            #expect(metrics.0.measured("registry_query_build_queue_duration_seconds").count == 3)

            firstRun.cancel()
            await firstRun.value
            #expect(!leads(metrics.0), "it does not lead any more")
            try await eventually("the second leads") { leads(metrics.1) }
            let last = try kubernetesPlan("v1.0.9")
            try await create(last, try harness.kubernetesBuilder())
            try await eventually("it is counted") { sum(total) == 4 }
            #expect(metrics.1.count(total) == 1)
            try await eventually("the last line is written") {
                book.lines.contains { $0.contains("build=\(last.id) ") && $0.contains("build ended") }
            }
            for plan in plans + [last] {
                let lines = book.lines.filter { $0.contains("build=\(plan.id) ") }
                for event in ["build started", "phase=cloning", "phase=building", "build ended"] {
                    #expect(lines.count { $0.contains(event) } == 1, "\(event) in \(lines)")
                }
            }
            secondRun.cancel()
            await secondRun.value
        }
    }

    @Test("a build that is cancelled is counted once, and is part of what every process remembers")
    func cancelled() async throws {
        try await withHarness { harness, _ in
            let metrics = TestMetrics()
            let builder = try harness.kubernetesBuilder()
            let told = Mutex<[Build]>([])
            let replica = Task {
                await withMetricsFactory(metrics) {
                    await builder.run(as: .service) { build in told.withLock { $0.append(build) } }
                }
            }
            defer { replica.cancel() }
            // It builds for as long as it is let, and then takes its time to end, so that everybody looks meanwhile.
            let end = Gate()
            harness.standIn.withSettings { $0.script = { _, _ in .endless.terminating(.held(end)) } }
            let plan = try kubernetesPlan()
            try await create(plan, builder)
            try await eventually("the leader knows of it") {
                metrics.gauge("registry_query_builds_in_flight", [("status", "running")]) == 1
            }
            async let cancelled = builder.cancel(plan.id)
            try await eventually("it is told that it is about to end") { told.withLock { !$0.isEmpty } }
            end.open()
            _ = try await cancelled
            let labels = [("outcome", "cancelled"), ("webapp", "app-example")]
            try await eventually("it is counted") { metrics.count("registry_query_builds_total", labels) == 1 }
            try await eventually("it is told") { told.withLock { $0.last?.status == .cancelled } }
            #expect(metrics.count("registry_query_builds_total") == 1)
            #expect(told.withLock { $0.last?.startedAt } != nil)
        }
    }

    @Test("a Job that was never let run is promised to nobody, also while it is being deleted")
    func neverResumed() async throws {
        try await withHarness { harness, _ in
            let builder = try harness.kubernetesBuilder()
            var document = try JobTemplate().render(try kubernetesPlan(), namespace: "b", reservation: "r")
            func observed() throws -> (now: Bool, everSince: Bool) {
                let found = try #require(JobBuild(try KubernetesFixtures.decode(document)))
                return (found.isHeldBack, builder.observation(of: builder.entry(found, pod: nil)).build.isHeldBack)
            }
            #expect(try observed() == (true, true))
            document["metadata"]?["deletionTimestamp"] = "2026-11-22T09:23:20Z"
            #expect(try observed() == (true, true))
            document["metadata"]?["annotations"]?[JobKeys.Annotation.resumedAt] = "2026-11-22T09:23:20Z"
            #expect(try observed() == (false, false))
        }
    }

    @Test("a build that is taken back before it runs is not counted")
    func takenBack() async throws {
        try await withHarness { harness, registry in
            let metrics = TestMetrics()
            let builder = try harness.kubernetesBuilder()
            withMetricsFactory(metrics) { _ = harness.start(builder) }
            try await eventually("it leads, and has seen what there is") {
                metrics.gauge("registry_query_leader") == 1 && builder.board.isLive
                    && metrics.gauge("registry_query_oldest_queued_build_age_seconds") != nil
            }
            let plan = try kubernetesPlan()
            try registry.push(plan.image.description)
            guard case .nameTaken = try await builder.create(plan) else {
                Issue.record("its tag is served")
                return
            }
            let next = try kubernetesPlan("v1.2.4")
            try await create(next, builder)
            try await eventually("the next is counted") {
                metrics.count("registry_query_builds_total", [("outcome", "succeeded")]) == 1
            }
            #expect(metrics.count("registry_query_builds_total") == 1)
        }
    }
}

extension KubernetesHarness {
    /// Puts an image where builds push to, where that is in memory.
    func registryPush(_ image: String) throws -> String {
        guard let memory = registry as? MemoryRegistry else { throw TestingError("the registry is not in memory") }
        return try memory.push(image)
    }
}
