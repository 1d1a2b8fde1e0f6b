internal import FoundationEssentials
public import Logging
internal import OCIDistribution
internal import SemanticVersions
internal import Subprocess
public import SystemPackage

/// Carries builds out on this machine, with git and buildah.
///
/// A build is a directory. Making it under the name of the build is the compare-and-set; everything that is known of the build is a
/// file in it. The work is done by worker processes that live on when the process that started them ends, and that lock what they work
/// on, so that any number of processes can share the directory and each of them may be killed.
public final class LocalBuilder: Builder {
    /// How the worker process is started.
    public struct WorkerCommand: Sendable {
        /// The program.
        public var executable: FilePath
        /// Its arguments.
        public var arguments: [String]
        /// Its whole environment.
        public var environment: [String: String]

        /// Names the program, its arguments and its environment.
        public init(executable: FilePath, arguments: [String], environment: [String: String]) {
            self.executable = executable
            self.arguments = arguments
            self.environment = environment
        }
    }

    /// How long the record of a build that has ended is kept, and with it the version of one that failed.
    ///
    /// One day.
    public static let retention: Duration = .seconds(24 * 60 * 60)
    /// How long ``cancel(_:)`` waits for the last process of a build to end.
    static let cancellationWait: Duration = .seconds(8)

    /// How long ``create(_:)`` waits for others that reserve builds with idempotency keys.
    static let reservingWait: Duration = .seconds(10)

    let store: LocalBuildStore
    let cache: LocalBuildCache
    private let places: Int
    private let worker: WorkerCommand
    let callbacks: CallbackSender?
    let logger: Logger
    /// For how long a callback that was begun goes on when this process is to end.
    let longestCallbackEnding: Duration

    /// Keeps builds in a directory.
    /// - Parameters:
    ///   - stateDirectory: `STATE_DIR`; made when the first build is reserved.
    ///   - places: How many builds run at once, of all processes together; more are queued.
    ///   - worker: What to start so that ``LocalWorker`` runs.
    ///   - callbacks: Sends them, in the role of the service. Without it the service gives all of them up; others need none.
    public convenience init(
        stateDirectory: FilePath, places: Int, worker: WorkerCommand, callbacks: CallbackSender? = nil, logger: Logger
    ) {
        self.init(
            stateDirectory: stateDirectory, places: places, worker: worker, callbacks: callbacks,
            longestCallbackEnding: CallbackDelivery.longestEnding, logger: logger)
    }

    init(
        stateDirectory: FilePath, places: Int, worker: WorkerCommand, callbacks: CallbackSender?,
        longestCallbackEnding: Duration, logger: Logger
    ) {
        self.longestCallbackEnding = longestCallbackEnding
        self.store = LocalBuildStore(root: stateDirectory)
        self.cache = LocalBuildCache(store)
        self.places = places
        self.worker = worker
        self.callbacks = callbacks
        self.logger = logger
    }

    /// See ``Builder/builds(of:)``.
    public func builds(of webapp: WebappName?) async throws -> [Build] {
        try store.all().filter { webapp == nil || $0.webapp == webapp }
    }

    /// See ``Builder/build(_:)``.
    public func build(_ id: BuildID) async throws -> Build? { try store.build(id) }

    /// See ``Builder/create(_:)``.
    public func create(_ plan: BuildPlan) async throws -> Creation {
        guard try await reserve(plan) else { return .nameTaken }
        // Whoever holds the last place looks for builds once more after giving it back, so it will find this one.
        if let slot = try store.slot(of: places) {
            _ = consume slot
            await startWorker()
        }
        return .created(plan.queued(message: "waiting for a free place to build"))
    }

    /// Gives the plan's name to its build, unless that is taken, or a build has its idempotency key.
    ///
    /// A build may be carried out as soon as it has its name, so whoever comes with a key looks for it and takes the name under a
    /// lock.
    private func reserve(_ plan: BuildPlan) async throws -> Bool {
        guard let key = plan.idempotencyKey else { return try store.reserve(plan) }
        try store.prepare()
        let age = ContinuousClock().stopwatch()
        while true {
            if let lock = try store.reserving(withKey: key) {
                // Decided from the builds that are there now; what is known of them from before is their keys at most.
                let isNew =
                    try !cache.content().whole().contains { $0.idempotencyKey == key } && store.reserve(plan)
                _ = consume lock
                return isNew
            }
            if try cache.content().whole().contains(where: { $0.idempotencyKey == key }) { return false }
            guard age() < Self.reservingWait else {
                throw BuildsError(
                    .builderUnavailable,
                    "other processes have reserved builds in \(store.root) for \(Self.reservingWait.components.seconds) s without "
                        + "a pause; nothing was started, so ask again")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// See ``Builder/log(of:_:)``.
    public func log(of id: BuildID, _ extent: LogExtent) async throws -> BuildLog? {
        guard try store.existingLog(of: id) != nil else { return nil }
        return try BuildLog(
            file: { [store] in try store.existingLog(of: id) }, follows: extent == .following,
            hasEnded: { [store] in try store.build(id)?.status.isFinal ?? true })
    }

    /// See ``Builder/cancel(_:)``.
    public func cancel(_ id: BuildID) async throws -> Build? {
        guard let asked = try store.build(id) else { return nil }
        guard !asked.status.isFinal else { return asked }
        do {
            try store.requestCancellation(of: asked)
        } catch Errno.noSuchFileOrDirectory {
            // Somebody else was faster.
        }
        let clock = ContinuousClock()
        let start = clock.now
        while true {
            if let lock = try store.lock(id) {
                try store.settleCancellation(of: id, lock)
            }
            guard var build = try store.build(id), build.createdAt == asked.createdAt else { return asked.cancelled() }
            if build.status.isFinal { return build }
            if start.duration(to: clock.now) > Self.cancellationWait {
                build.message = "is being cancelled; its version is free once its last process has ended"
                return build
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// See ``Builder/checkReadiness()``.
    public func checkReadiness() async throws {
        try store.prepare()
        guard CommandRunner.path(of: "git", environment: worker.environment) != nil else {
            throw BuildsError(.builderUnavailable, "git is not in PATH; install it to build on this machine")
        }
        guard ImageTool.detect(environment: worker.environment) != nil else {
            throw BuildsError(
                .builderUnavailable,
                "none of buildah, docker and buildctl is in PATH; install buildah to build on this machine")
        }
    }

    // MARK: Workers

    /// See ``Builder/run(as:ended:)``.
    ///
    /// Starts a worker whenever a build waits while a place is free, or was left behind by a worker that was killed, and removes what
    /// ended long ago. Any process may do this, in either role. Callbacks are sent in that of the service.
    public func run(as role: BuilderRole, ended: @escaping @Sendable (Build) async -> Void) async {
        await withDiscardingTaskGroup { group in
            group.addTask { [self] in await lookAfterBuilds(ended) }
            if role == .service { group.addTask { [self] in await deliverCallbacks() } }
        }
    }

    private func lookAfterBuilds(_ ended: @Sendable (Build) async -> Void) async {
        var known: [BuildID: Build] = [:]
        var rounds = 0
        while !Task.isCancelled {
            do {
                try store.prepare()
                let builds = try cache.content(upTo: Self.onlookersPatience).whole()
                if try needsWorker(builds) { await startWorker() }
                let over = builds.filter(\.status.isFinal)
                for build in over where known[build.id]?.withoutCallback != build.withoutCallback { await ended(build) }
                // A cancelled build may have pushed before it vanished.
                let ids = Set(builds.map(\.id))
                for build in known.values where !ids.contains(build.id) {
                    await ended(build.status.isFinal ? build : build.vanished(at: Date()))
                }
                known = Dictionary(builds.map { ($0.id, $0) }) { _, new in new }
                if rounds % 600 == 0 {
                    let retention = TimeInterval(Self.retention.components.seconds)
                    for damage in try store.removeBuilds(endedBefore: Date(timeIntervalSinceNow: -retention)) {
                        logger.warning(
                            "a cancelled build is passed over",
                            metadata: ["build": "\(damage.build)", "error": "\(damage.error)"])
                    }
                }
            } catch {
                logger.error("local builds cannot be looked after", metadata: ["error": "\(error)"])
            }
            rounds += 1
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// Whether a build waits that a worker could take now.
    private func needsWorker(_ builds: [Build]) throws -> Bool {
        let open = builds.filter { !$0.status.isFinal }
        guard !open.isEmpty else { return false }
        // Both probes give the lock back at once. A worker that meets a probe gives up or passes over; the next round finds that.
        guard let slot = try store.slot(of: places) else { return false }
        _ = consume slot
        if open.contains(where: { $0.status == .queued }) { return true }
        return try open.contains { build in
            guard let lock = try store.lock(build.id) else { return false }
            _ = consume lock
            return true
        }
    }

    /// Starts a worker and does not wait for its end: it ends by itself when there is nothing to do, and outlives this process if need be.
    ///
    /// Comes back once the worker runs, so that a command may end right after it.
    private func startWorker() async {
        let (started, start) = AsyncStream<Never>.makeStream()
        let worker = worker
        let logger = logger
        let log = store.root.appending("worker.log")
        // Nobody owns the worker; the task only collects its exit status.
        Task.detached {
            defer { start.finish() }
            do {
                let output = try FileDescriptor.open(
                    log, .writeOnly, options: [.create, .append, .closeOnExec], permissions: .ownerReadWrite)
                var options = PlatformOptions()
                options.createSession = true
                let values = worker.environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) }
                _ = try await Subprocess.run(
                    .path(worker.executable), arguments: Arguments(worker.arguments),
                    environment: .custom(Dictionary(uniqueKeysWithValues: values)), platformOptions: options,
                    input: .none,
                    output: .fileDescriptor(output, closeAfterSpawningProcess: true), error: .combinedWithOutput
                ) { _ in
                    start.finish()
                }
            } catch {
                logger.error("the build worker cannot be started", metadata: ["error": "\(error)"])
            }
        }
        for await _ in started {}
    }
}

extension LocalBuildStore {
    /// Ends a build that was asked to stop, unless it ended otherwise before.
    ///
    /// Only for the holder of its lock.
    func settleCancellation(of id: BuildID, _ lock: borrowing FileLock) throws {
        guard let build = try build(id), !build.status.isFinal, isCancellationRequested(of: build) else { return }
        try release(build.cancelled())
    }
}

extension Build {
    func cancelled() -> Build {
        var build = self
        build.status = .cancelled
        build.phase = nil
        build.progress = nil
        build.message = "cancelled; its version \(version.tag) is free again"
        build.finishedAt = finishedAt ?? Date()
        return build
    }
}
