import Builds
import FoundationEssentials
import OCIDistribution
import Synchronization

/// A builder that keeps its builds in memory and does nothing until a test says so.
final class MemoryBuilder: Builder {
    private struct State {
        var builds: [BuildID: Build] = [:]
        var logs: [BuildID: [UInt8]] = [:]
        var followers: [BuildID: [AsyncStream<[UInt8]>.Continuation]] = [:]
        var looks: [BuildID: Int] = [:]
        var failure: (any Error)?
        var isSilent = false
        var longestPause = 0
    }

    private let state = Mutex(State())

    /// All builds.
    var all: [Build] { state.withLock { Array($0.builds.values) } }
    /// How many readers follow a log now.
    func followers(of id: BuildID) -> Int { state.withLock { $0.followers[id]?.count ?? 0 } }
    /// How often a build has been asked for.
    func looks(at id: BuildID) -> Int { state.withLock { $0.looks[id, default: 0] } }

    /// Lets every call fail, or none.
    func fail(_ error: (any Error)?) { state.withLock { $0.failure = error } }
    /// Lets every call wait until its task is cancelled, or none.
    func beSilent(_ isSilent: Bool = true) { state.withLock { $0.isSilent = isSilent } }

    /// Lets every call take some time, so that calls meet in any order.
    func linger(upToMilliseconds longest: Int) { state.withLock { $0.longestPause = longest } }

    func change(_ id: BuildID, _ change: (inout Build) -> Void) {
        state.withLock { state in
            if var build = state.builds[id] {
                change(&build)
                state.builds[id] = build
                if build.status.isFinal {
                    for follower in state.followers.removeValue(forKey: id) ?? [] { follower.finish() }
                }
            }
        }
    }

    func write(_ text: String, to id: BuildID) {
        state.withLock { state in
            state.logs[id, default: []] += Array(text.utf8)
            for follower in state.followers[id] ?? [] { follower.yield(Array(text.utf8)) }
        }
    }

    private func enter() async throws {
        let (failure, isSilent, pause) = state.withLock { ($0.failure, $0.isSilent, $0.longestPause) }
        if pause > 0 { try await Task.sleep(for: .milliseconds(Int.random(in: 0...pause))) }
        if isSilent { while true { try await Task.sleep(for: .seconds(3600)) } }
        if let failure { throw failure }
    }

    func builds(of webapp: WebappName?) async throws -> [Build] {
        try await enter()
        return all.filter { webapp == nil || $0.webapp == webapp }
    }

    func updates(of id: BuildID) -> AsyncThrowingStream<Build, any Error> {
        polledUpdates(of: id, every: .milliseconds(10))
    }

    func run(as role: BuilderRole, ended: @escaping @Sendable (Build) async -> Void) async {}

    func build(_ id: BuildID) async throws -> Build? {
        state.withLock { $0.looks[id, default: 0] += 1 }
        try await enter()
        return state.withLock { $0.builds[id] }
    }

    func create(_ plan: BuildPlan) async throws -> Creation {
        try await enter()
        return state.withLock { state in
            guard state.builds[plan.id] == nil else { return .nameTaken }
            let build = plan.queued(message: "waiting for its turn")
            state.builds[plan.id] = build
            state.logs[plan.id] = []
            return .created(build)
        }
    }

    func log(of id: BuildID, _ extent: LogExtent) async throws -> BuildLog? {
        try await enter()
        return state.withLock { state -> BuildLog? in
            guard let build = state.builds[id] else { return nil }
            let (stream, continuation) = AsyncStream<[UInt8]>.makeStream()
            if let written = state.logs[id], !written.isEmpty { continuation.yield(written) }
            if extent == .following, !build.status.isFinal {
                state.followers[id, default: []].append(continuation)
            } else {
                continuation.finish()
            }
            let chunks = Chunks(stream)
            return BuildLog { { try await chunks.next() } }
        }
    }

    func cancel(_ id: BuildID) async throws -> Build? {
        try await enter()
        change(id) { build in
            guard !build.status.isFinal else { return }
            build.status = .cancelled
            build.message = "cancelled"
            build.finishedAt = Date()
        }
        return state.withLock { $0.builds[id] }
    }

    func checkReadiness() async throws { try await enter() }
}

/// A stream whose chunks are taken one by one.
private actor Chunks {
    private let stream: AsyncStream<[UInt8]>

    init(_ stream: AsyncStream<[UInt8]>) { self.stream = stream }

    func next() async throws -> [UInt8]? {
        for await chunk in stream { return chunk }
        try Task.checkCancellation()
        return nil
    }
}
