internal import KubernetesClient

/// Reads the logs of a Pod's containers, one after the other in the order in which they run, as one log.
///
/// Following, it waits for containers that have not started, and takes a log up again where a broken connection left
/// it. All waiting ends with the build, which the Job's deadline ends at the latest.
actor JobLogReader {
    /// How often the state of the Pod is looked at while there is nothing to read.
    private static let interval: Duration = .milliseconds(250)
    /// How long the Pod's state may lag behind the end of a container's log.
    private static let longestLag: Duration = .seconds(5)
    /// How often in a row a log is taken up again without anything new in it.
    private static let longestSeries = 5

    private let builder: KubernetesJobBuilder
    private let found: JobBuild
    private let follows: Bool
    private let age: () -> Duration
    /// Nothing lasts longer than the Job's deadline; some more for the cluster to carry it out.
    private let longest: Duration
    private var pod: Pod?
    /// Those that are still to be read.
    private var containers: ArraySlice<String> = []
    /// The log that is being read.
    private var open: PodLogBytes.Iterator?
    /// How much of the current container's log has been handed out, and how much of the open log is yet to be passed
    /// over.
    private var delivered = 0
    private var repeated = 0
    private var failures = 0
    /// Whether the current container was asked again after it was found to have ended since.
    private var hasAskedAgain = false
    private var hasDelivered = false

    init(builder: KubernetesJobBuilder, found: JobBuild, pod: Pod?, follows: Bool) {
        self.builder = builder
        self.found = found
        self.follows = follows
        self.age = builder.clock.stopwatch()
        self.longest = .seconds((found.job.spec.activeDeadlineSeconds ?? 3600) + 120)
        self.pod = pod
        self.containers = pod?.containerNames[...] ?? []
    }

    /// The next bytes, or `nil` at the end.
    func next() async throws -> [UInt8]? {
        while true {
            guard open != nil else {
                guard try await openNext() else { return nil }
                continue
            }
            switch try await read() {
            case .bytes(let bytes): return bytes
            case .broken: continue
            case .end:
                if follows, try await !isOver(containers.first) { continue }
                advance()
            }
        }
    }

    // MARK: Reading

    private enum Piece {
        case bytes([UInt8])
        case end
        /// The connection broke; there may be more.
        case broken
    }

    /// The next new bytes of the open log.
    private func read() async throws -> Piece {
        guard var log = open else { return .end }
        do {
            while let chunk = try await log.next() {
                let passed = min(repeated, chunk.count)
                repeated -= passed
                guard passed < chunk.count else { continue }
                open = log
                delivered += chunk.count - passed
                failures = 0
                hasDelivered = true
                return .bytes(Array(chunk[passed...]))
            }
            open = nil
            return .end
        } catch let error as KubernetesError where error.isTransient && follows {
            open = nil
            failures += 1
            guard failures < Self.longestSeries else { throw error }
            return .broken
        }
    }

    private func advance() {
        open = nil
        containers = containers.dropFirst()
        delivered = 0
        failures = 0
        hasAskedAgain = false
    }

    /// Whether a container whose log has ended has ended itself.
    ///
    /// Its log may end a moment before its state says so.
    private func isOver(_ container: String?) async throws -> Bool {
        guard let container else { return true }
        let age = builder.clock.stopwatch()
        repeat {
            guard let pod = try await refreshedPod() else { return true }
            if pod.hasEnded || pod.container(named: container)?.state?.terminated != nil { return true }
            try await builder.clock.sleep(for: Self.interval)
        } while age() < Self.longestLag
        return false
    }

    // MARK: Opening

    /// Opens the log of the next container that has one.
    ///
    /// Answers whether there may be more to read.
    private func openNext() async throws -> Bool {
        guard let pod else { return try await waitForPod() }
        guard let container = containers.first else { return false }
        var options = LogOptions(container: container)
        options.follow = follows
        do {
            switch try await builder.client.log(ofPod: pod.metadata.name, options) {
            case .bytes(let bytes):
                repeated = delivered
                open = bytes.makeAsyncIterator()
                return true
            case .notStarted:
                guard follows, let pod = try await refreshedPod() else { return false }
                guard pod.hasEnded else { return try await pause() }
                // The rest never starts once an earlier container has failed, and the Pod with it; but this one may have
                // started and ended since it was asked for.
                guard !hasAskedAgain, pod.container(named: container)?.state?.terminated != nil else { return false }
                hasAskedAgain = true
                return true
            case .noSuchContainer:
                advance()
                return true
            case .noSuchPod:
                // A Pod that never came to start anything had no log to lose.
                guard !hasDelivered, pod.hasBegun else { return false }
                throw BuildsError(.logUnavailable, "the log of \(found.id) is gone with its Pod")
            }
        } catch let error as KubernetesError where error.isTransient && follows {
            failures += 1
            guard failures < Self.longestSeries else { throw error }
            return try await pause()
        }
    }

    private func waitForPod() async throws -> Bool {
        if let pod = try await builder.pod(of: found) {
            self.pod = pod
            containers = pod.containerNames[...]
            return true
        }
        guard let now = try await builder.find(found.id), now.job.metadata.uid == found.job.metadata.uid,
            now.job.outcome == nil, !now.job.metadata.isBeingDeleted
        else { return false }
        return try await pause()
    }

    private func refreshedPod() async throws -> Pod? {
        let current = try await builder.pod(of: found)
        if let current { pod = current }
        return current
    }

    /// Waits a moment.
    ///
    /// Answers whether it is worth going on.
    private func pause() async throws -> Bool {
        guard age() < longest else { return false }
        try await builder.clock.sleep(for: Self.interval)
        return true
    }
}

extension Pod {
    /// The names of its containers in the order in which they run.
    fileprivate var containerNames: [String] { (spec.initContainers + spec.containers).map(\.name) }
}
