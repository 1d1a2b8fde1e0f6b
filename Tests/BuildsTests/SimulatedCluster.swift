import FoundationEssentials
import OCIDistribution
import SemanticVersions
import Synchronization

@testable import Builds

/// A seeded generator, so that a failing history can be asked for again.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// Time that passes only when something in the simulation takes time.
final class SimulatedClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private let time = Mutex(Instant(offset: .zero))

    var now: Instant { time.withLock { $0 } }
    var minimumResolution: Duration { .nanoseconds(1) }

    func advance(by duration: Duration) { time.withLock { $0.offset += duration } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        await Task.yield()
    }
}

/// A registry and a cluster that do everything that real ones may do between two requests: builds push, fail, push and fail, are
/// cancelled and cleaned away; requests take their time, fail before and fail after they took effect.
actor SimulatedCluster: Builder, TagRegistry {
    /// How long a finished Job stays at the least.
    static let timeToLive: Duration = .seconds(600)

    struct Failure: Error {}

    private struct Job {
        var build: Build
        var hasPushed = false
        var hasStarted = false
        var isBeingDeleted = false
        var finishedAt: SimulatedClock.Instant?
    }

    let clock: SimulatedClock
    private let failureRate: Double
    private let slowest: Duration
    private let cancels: Bool
    private var random: SplitMix64
    private var jobs: [BuildID: Job] = [:]
    private var tags: [String] = []
    /// How often each tag was pushed.
    ///
    /// More than once is what must never happen.
    private(set) var pushes: [String: Int] = [:]
    /// Every version that was ever promised, in order.
    private(set) var promises: [String] = []

    /// - Parameter cancels: Whether builds are cancelled, too. A cancelled build lets go of its name much sooner than one that ended, so
    ///   builds then ask the registry before they start, as ``Builder/create(_:)`` wants it.
    init(
        seed: UInt64, clock: SimulatedClock, failureRate: Double = 0, slowest: Duration = .milliseconds(200),
        cancels: Bool = false
    ) {
        self.cancels = cancels
        random = SplitMix64(seed: seed)
        self.clock = clock
        self.failureRate = failureRate
        self.slowest = slowest
    }

    // MARK: What goes on meanwhile

    /// Lets one thing happen.
    func step() {
        guard let id = jobs.keys.sorted(by: { $0.description < $1.description }).randomElement(using: &random),
            var job = jobs[id]
        else { return }
        if job.isBeingDeleted {
            // Its last container may still push before it is dead; only then the name is free.
            if Bool.random(using: &random) { push(&job) }
            jobs[id] = nil
            return
        }
        if let finishedAt = job.finishedAt {
            if finishedAt.duration(to: clock.now) >= Self.timeToLive { jobs[id] = nil }
            return
        }
        if cancels, !job.hasStarted {
            job.hasStarted = true
            if tags.contains(job.build.version.tag) { finish(&job, .failed) }
            jobs[id] = job
            return
        }
        switch Int.random(in: 0..<6, using: &random) {
        case 0: finish(&job, .failed)
        case 1:
            push(&job)
            finish(&job, .failed)
        case 2: job.isBeingDeleted = cancels
        case 3, 4:
            push(&job)
            finish(&job, .succeeded)
        default: break
        }
        jobs[id] = job
    }

    private func push(_ job: inout Job) {
        guard !job.hasPushed else { return }
        job.hasPushed = true
        pushes[job.build.version.tag, default: 0] += 1
        if !tags.contains(job.build.version.tag) { tags.append(job.build.version.tag) }
    }

    private func finish(_ job: inout Job, _ status: Build.Status) {
        job.finishedAt = clock.now
        job.build.status = status
    }

    /// A request on its way: time passes, and others come first.
    private func travel() async throws {
        clock.advance(by: slowest * Double.random(in: 0...1, using: &random))
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            await Task.yield()
            step()
        }
        if Double.random(in: 0..<1, using: &random) < failureRate { throw Failure() }
    }

    // MARK: Builder

    func builds(of webapp: WebappName?) async throws -> [Build] {
        try await travel()
        let answer = jobs.values.map(\.build)
        try await travel()
        return answer
    }

    func build(_ id: BuildID) async throws -> Build? { jobs[id]?.build }

    func create(_ plan: BuildPlan) async throws -> Creation {
        try await travel()
        guard jobs[plan.id] == nil else { return .nameTaken }
        let build = plan.queued(message: "queued")
        jobs[plan.id] = Job(build: build)
        promises.append(plan.version.tag)
        try await travel()
        return .created(build)
    }

    func log(of id: BuildID, _ extent: LogExtent) async throws -> BuildLog? { nil }
    func cancel(_ id: BuildID) async throws -> Build? { nil }
    func checkReadiness() async throws {}
    nonisolated func run(as role: BuilderRole, ended: @escaping @Sendable (Build) async -> Void) async {}

    // MARK: TagRegistry

    func currentTags(of repository: Repository) async throws -> [String]? {
        try await travel()
        let answer = tags.shuffled(using: &random)
        try await travel()
        return answer.isEmpty ? nil : answer
    }

    func servedDigest(of tag: OCIDistribution.Tag, in repository: Repository) async throws -> Digest? { nil }
}
