internal import FoundationEssentials
internal import HTTPTransport
public import Logging
public import OCIDistribution
public import SystemPackage

/// Works off the builds of a ``LocalBuilder``, one after the other, in a process of its own.
public struct LocalWorker: Sendable {
    let store: LocalBuildStore
    let registry: any TagRegistry
    private let movingTags: MovingTags
    let target: PushTarget
    let credentials: CredentialStore
    let environment: [String: String]
    let longestBuild: Duration
    let logger: Logger
    private let places: Int

    /// Describes a worker.
    /// - Parameters:
    ///   - stateDirectory: The directory of the ``LocalBuilder``.
    ///   - places: How many builds run at once, of all processes together.
    ///   - movingTags: Moved after each success, before it is told.
    ///   - environment: The environment of this process; programs see a part of it.
    ///   - longestBuild: After how long a build is stopped. Default 30 minutes.
    public init(
        stateDirectory: FilePath, places: Int, registry: any TagRegistry, movingTags: MovingTags, target: PushTarget,
        credentials: CredentialStore,
        environment: [String: String], longestBuild: Duration = .seconds(1800), logger: Logger
    ) {
        self.store = LocalBuildStore(root: stateDirectory)
        self.places = places
        self.registry = registry
        self.movingTags = movingTags
        self.target = target
        self.credentials = credentials
        self.environment = environment
        self.longestBuild = longestBuild
        self.logger = logger
    }

    /// Takes a place, works until nothing is left to do, and gives the place back; at once if all places are taken.
    public func run() async throws {
        repeat {
            guard let slot = try store.slot(of: places) else { return }
            while try await workOnNext() {}
            _ = consume slot
            // A build that was reserved while the places were taken relies on this second look.
        } while try hasQueuedBuild()
    }

    private func hasQueuedBuild() throws -> Bool {
        try store.all().contains { $0.status == .queued }
    }

    /// Takes the oldest build that nobody works on.
    ///
    /// Answers whether there was one.
    private func workOnNext() async throws -> Bool {
        let open = try store.all().filter { !$0.status.isFinal }.sorted { $0.createdAt < $1.createdAt }
        for candidate in open {
            guard let lock = try store.lock(candidate.id) else { continue }
            // What was read before the lock was taken may be out of date.
            guard let build = try store.build(candidate.id), !build.status.isFinal else { continue }
            if store.isCancellationRequested(of: build) {
                try store.settleCancellation(of: build.id, lock)
                return true
            }
            if build.status == .queued {
                try await LocalBuildRun(worker: self, build: build, lock: lock)()
                return true
            }
            if try await settleInterrupted(build) { return true }
        }
        return false
    }

    /// Ends a build whose worker was killed.
    ///
    /// It may have pushed, so the registry is asked and not the exit.
    /// - Returns: Whether the registry answered; if not, somebody asks again later.
    private func settleInterrupted(_ build: Build) async throws -> Bool {
        var build = build
        do {
            guard let tag = build.image.tag else { return false }
            if let digest = try await registry.servedDigest(of: tag, in: build.image.repository) {
                try await succeed(&build, digest)
            } else {
                build.fail(
                    "the worker process was killed while \(build.phase?.rawValue ?? "starting"); start the build again")
            }
        } catch let error as RegistryError {
            logger.warning(
                "an interrupted build cannot be settled yet", metadata: ["build": "\(build.id)", "error": "\(error)"])
            return false
        }
        try store.update(build)
        return true
    }

    /// Makes a build a success, once the moving tags have followed it.
    ///
    /// In this order nothing is lost when the process is killed in between: whoever settles the build moves the tags again.
    func succeed(_ build: inout Build, _ digest: Digest) async throws {
        do {
            guard let lock = try await store.movingTagsLock(within: .seconds(60)) else {
                throw BuildsError(.builderUnavailable, "another build has been moving them for a minute")
            }
            _ = try await movingTags.advance(build.image.repository, after: build.version) { true }
            _ = consume lock
            build.succeed(digest)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            logger.warning("the moving tags were not moved", metadata: ["build": "\(build.id)", "error": "\(error)"])
            build.succeed(digest)
            build.message +=
                "; its moving tags could not be moved, the next build does that: \(redacted("\(error)", limit: 300))"
        }
    }
}

extension Build {
    /// Comes to a phase.
    ///
    /// The steps of the Dockerfile are over with the push.
    mutating func begin(_ phase: Phase, _ message: String) {
        status = .running
        self.phase = phase
        phaseStarts[phase] = phaseStarts[phase] ?? Date().inMilliseconds
        if phase != .building, phase != .pushing { progress = nil }
        self.message = message
    }

    mutating func succeed(_ digest: Digest) {
        status = .succeeded
        phase = nil
        progress = nil
        message = "the registry serves \(image) as \(digest)"
        self.digest = digest
        finishedAt = Date()
    }

    mutating func fail(_ reason: String) {
        status = .failed
        phase = nil
        progress = nil
        message = reason
        finishedAt = Date()
    }
}
