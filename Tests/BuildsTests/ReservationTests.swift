import Logging
import Metrics
import MetricsTestKit
import OCIDistribution
import SemanticVersions
import Testing

@testable import Builds

@Suite("Reservations")
struct ReservationTests {
    static let webapp = try? WebappName("app-example")

    /// One replica: nothing is shared with another but the cluster and the registry.
    private func replica(of cluster: some Builder & TagRegistry, clock: SimulatedClock) throws -> Reservations {
        let initial = try #require(VersionTag("v1.0.0"))
        return Reservations(
            attempt: ReservationAttempt(
                builder: cluster, registry: cluster,
                naming: try ImageNaming(registry: try RegistryHost("registry.example"), prefix: "webapp"),
                policy: VersionPolicy(initial: initial), clock: clock,
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })))
    }

    private func request(_ bump: Bump = .patch, key: String? = nil) throws -> PreparedRequest {
        try PreparedRequest(
            BuildRequest(
                webapp: try #require(Self.webapp), selection: .bump(bump, prereleaseIdentifier: nil, range: nil),
                idempotencyKey: key),
            defaults: GitDefaults(url: "https://git.example/webapps.git"))
    }

    /// The promise of the whole project, in a world where everything goes on at once: any number of replicas, each killed now and
    /// then, requests that fail before or after they took effect, builds that push, fail, push and fail, or are cancelled.
    ///
    /// Without cancelled builds the order of the listings and their age are all that keeps the promise, so that they are tested, too.
    @Test("no tag is ever pushed twice", arguments: 0..<40, [false, true])
    func oneTagOneBuild(seed: Int, cancels: Bool) async throws {
        let clock = SimulatedClock()
        let cluster = SimulatedCluster(
            seed: UInt64(seed), clock: clock, failureRate: 0.02,
            slowest: seed.isMultiple(of: 4) ? .seconds(20) : .seconds(5), cancels: cancels)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<3 {
                group.addTask {
                    var random = SplitMix64(seed: UInt64(seed * 31 + number))
                    for _ in 0..<6 {
                        // A replica lives for one round of callers; some of them, and so the replica, go away in the middle.
                        guard let replica = try? replica(of: cluster, clock: clock) else { return }
                        await withTaskGroup(of: Void.self) { callers in
                            for _ in 0..<Int.random(in: 1...8, using: &random) {
                                let bump =
                                    [Bump.patch, .patch, .minor, .prerelease].randomElement(using: &random) ?? .patch
                                callers.addTask {
                                    guard let request = try? request(bump) else { return }
                                    _ = try? await replica.reserve(request, within: .seconds(3000))
                                }
                            }
                            if Bool.random(using: &random) {
                                await Task.yield()
                                callers.cancelAll()
                            }
                        }
                        for _ in 0..<5 { await cluster.step() }
                        // A process may be suspended between any two instructions, for longer than finished Jobs are kept. What the
                        // listings said is worth nothing then: only the builds' own look at the registry helps.
                        if cancels, Bool.random(using: &random) { clock.advance(by: .seconds(700)) }
                    }
                }
            }
        }
        for _ in 0..<400 { await cluster.step() }
        let twice = await cluster.pushes.filter { $0.value > 1 }
        #expect(twice.isEmpty, "seed \(seed): pushed more than once: \(twice)")
        #expect(await !cluster.pushes.isEmpty)
    }

    @Test("the builds are listed before the tags, and both again after a name was taken")
    func order() async throws {
        let cluster = RecordingCluster(takenNames: 2)
        let service = try replica(of: cluster, clock: SimulatedClock())
        _ = try await service.reserve(request(), within: .seconds(10))
        #expect(
            await cluster.calls == ["builds", "tags", "create", "builds", "tags", "create", "builds", "tags", "create"])
    }

    @Test("each name that was taken by another is counted", arguments: [0, 3])
    func conflicts(_ count: Int) async throws {
        let metrics = TestMetrics()
        try await withMetricsFactory(metrics) {
            let service = try replica(of: RecordingCluster(takenNames: count), clock: SimulatedClock())
            _ = try await service.reserve(request(), within: .seconds(10))
        }
        #expect(metrics.count("registry_query_reservation_conflicts_total") ?? 0 == Int64(count))
    }

    @Test("nothing is created from listings that are older than a minute")
    func age() async throws {
        let clock = SimulatedClock()
        let cluster = RecordingCluster(slowTagListings: 2) { clock.advance(by: .seconds(61)) }
        let service = try replica(of: cluster, clock: clock)
        _ = try await service.reserve(request(), within: .seconds(1000))
        #expect(await cluster.calls == ["builds", "tags", "builds", "tags", "builds", "tags", "create"])
    }

    @Test("a caller gives up in time when others are always faster, and knows that nothing was reserved")
    func contention() async throws {
        let clock = SimulatedClock()
        let cluster = RecordingCluster(takenNames: .max) { clock.advance(by: .seconds(1)) }
        let service = try replica(of: cluster, clock: clock)
        let error = await #expect(throws: BuildsError.self) {
            try await service.reserve(request(), within: .seconds(20))
        }
        #expect(error?.code == .reservationContended)
    }

    @Test("callers that come together get consecutive versions", arguments: [1, 2, 3])
    func consecutive(replicas: Int) async throws {
        let cluster = QuietCluster()
        let services = try (0..<replicas).map { _ in try replica(of: cluster, clock: SimulatedClock()) }
        let versions = try await withThrowingTaskGroup(of: String?.self) { group in
            for caller in 0..<200 {
                let service = services[caller % replicas]
                group.addTask {
                    guard case .started(let build) = try await service.reserve(request(), within: .seconds(1000)) else {
                        return nil
                    }
                    return build.version.tag
                }
            }
            return try await group.reduce(into: [String]()) { versions, version in
                if let version { versions.append(version) }
            }
        }
        #expect(Set(versions) == Set((0..<200).map { "v1.0.\($0)" }))
        #expect(versions.count == 200)
    }

    @Test("the same key answers with the same build, another request under it is refused")
    func idempotency() async throws {
        let cluster = QuietCluster()
        let one = try replica(of: cluster, clock: SimulatedClock())
        let other = try replica(of: cluster, clock: SimulatedClock())
        guard case .started(let build) = try await one.reserve(request(key: "run-1"), within: .seconds(10)) else {
            Issue.record("the first request did not start a build")
            return
        }
        guard case .existing(let again) = try await other.reserve(request(key: "run-1"), within: .seconds(10)) else {
            Issue.record("the repetition did not find the build")
            return
        }
        #expect(again.id == build.id)
        let error = await #expect(throws: BuildsError.self) {
            try await other.reserve(request(.minor, key: "run-1"), within: .seconds(10))
        }
        #expect(error?.code == .idempotencyKeyReused)
    }

    @Test("fifty repetitions at once on three replicas start one build")
    func idempotencyStorm() async throws {
        let cluster = QuietCluster()
        let services = try (0..<3).map { _ in try replica(of: cluster, clock: SimulatedClock()) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for caller in 0..<50 {
                group.addTask {
                    _ = try await services[caller % 3].reserve(request(key: "run-1"), within: .seconds(1000))
                }
            }
            try await group.waitForAll()
        }
        #expect(await cluster.promises == ["v1.0.0"])
    }

    @Test("a caller that goes away while it waits reserves nothing, and the others get their versions")
    func cancellation() async throws {
        let cluster = QuietCluster()
        let service = try replica(of: cluster, clock: SimulatedClock())
        let gone = Task { try await service.reserve(request(), within: .seconds(10)) }
        gone.cancel()
        _ = await gone.result
        guard case .started = try await service.reserve(request(), within: .seconds(10)) else {
            Issue.record("the other caller got no build")
            return
        }
        let promises = await cluster.promises
        #expect(promises.count <= 2)
        #expect(Set(promises).count == promises.count)
    }
}

/// A cluster in which nothing else goes on: builds neither finish nor fail.
actor QuietCluster: Builder, TagRegistry {
    private var builds: [BuildID: Build] = [:]
    /// Every version that was ever promised, in order.
    private(set) var promises: [String] = []

    func builds(of webapp: WebappName?) async throws -> [Build] {
        await Task.yield()
        let answer = Array(builds.values)
        await Task.yield()
        return answer
    }

    func build(_ id: BuildID) async throws -> Build? { builds[id] }

    func create(_ plan: BuildPlan) async throws -> Creation {
        await Task.yield()
        guard builds[plan.id] == nil else { return .nameTaken }
        let build = plan.queued(message: "queued")
        builds[plan.id] = build
        promises.append(plan.version.tag)
        return .created(build)
    }

    func log(of id: BuildID, _ extent: LogExtent) async throws -> BuildLog? { nil }
    func cancel(_ id: BuildID) async throws -> Build? { nil }
    func checkReadiness() async throws {}
    nonisolated func run(as role: BuilderRole, ended: @escaping @Sendable (Build) async -> Void) async {}
    func currentTags(of repository: Repository) async throws -> [String]? { nil }
    func servedDigest(of tag: OCIDistribution.Tag, in repository: Repository) async throws -> Digest? { nil }
}

/// A cluster that notes what it is asked, and whose names and listings give trouble a number of times.
actor RecordingCluster: Builder, TagRegistry {
    private(set) var calls: [String] = []
    private var takenNames: Int
    private var slowTagListings: Int
    private let delay: @Sendable () -> Void

    init(takenNames: Int = 0, slowTagListings: Int = 0, delay: @escaping @Sendable () -> Void = {}) {
        self.takenNames = takenNames
        self.slowTagListings = slowTagListings
        self.delay = delay
    }

    func builds(of webapp: WebappName?) async throws -> [Build] {
        calls.append("builds")
        return []
    }

    func currentTags(of repository: Repository) async throws -> [String]? {
        calls.append("tags")
        if slowTagListings > 0 {
            slowTagListings -= 1
            delay()
        }
        return nil
    }

    func create(_ plan: BuildPlan) async throws -> Creation {
        calls.append("create")
        guard takenNames == 0 else {
            takenNames -= 1
            delay()
            return .nameTaken
        }
        return .created(plan.queued(message: "queued"))
    }

    func build(_ id: BuildID) async throws -> Build? { nil }
    func log(of id: BuildID, _ extent: LogExtent) async throws -> BuildLog? { nil }
    func cancel(_ id: BuildID) async throws -> Build? { nil }
    func checkReadiness() async throws {}
    nonisolated func run(as role: BuilderRole, ended: @escaping @Sendable (Build) async -> Void) async {}
    func servedDigest(of tag: OCIDistribution.Tag, in repository: Repository) async throws -> Digest? { nil }
}
