internal import FoundationEssentials
public import Logging
internal import OCIDistribution
public import SemanticVersions
internal import Synchronization

/// What came of a request for a build.
public enum StartOutcome: Sendable {
    /// A version was reserved, and its build started or queued.
    case started(Build)
    /// The idempotency key was seen before, with the same request: this is its build.
    case existing(Build)
    /// No commit asks for a release; nothing was reserved.
    case releaseNotNeeded(current: VersionTag?)
}

/// Starts builds and tells how they fare: plan, reserve, run, report.
public final class BuildService: Sendable {
    /// The longest that ``start(_:)`` takes.
    ///
    /// Below the 30 s within which every answer comes.
    static let longestReservation: Duration = .seconds(26)

    /// Answers about versions, from the same registry and builder.
    public let versions: VersionService
    private let builder: any Builder
    private let gitDefaults: GitDefaults
    private let reservations: Reservations
    private let clock: any Clock<Duration>
    private let pollInterval: Duration
    private let logger: Logger
    /// Builds that were started here and not seen to end yet.
    private let open = Mutex<Set<BuildID>>([])

    /// Puts the service together.
    /// - Parameter pollInterval: How often a build that somebody waits for is looked at. Default 250 ms.
    public init(
        versions: VersionService, builder: any Builder, registry: any TagRegistry, gitDefaults: GitDefaults,
        clock: any Clock<Duration> = ContinuousClock(), pollInterval: Duration = .milliseconds(250), logger: Logger
    ) {
        self.versions = versions
        self.builder = builder
        self.gitDefaults = gitDefaults
        self.clock = clock
        self.pollInterval = pollInterval
        self.logger = logger
        self.reservations = Reservations(
            attempt: ReservationAttempt(
                builder: builder, registry: registry, naming: versions.naming, policy: versions.policy, clock: clock,
                logger: logger))
    }

    /// Reserves a version and starts its build.
    /// - Throws: ``InvalidInput``, ``BuildsError``, or an error of registry or builder. After an error of the builder the version may be
    ///   reserved all the same; a repetition with the same idempotency key finds out.
    public func start(_ request: BuildRequest) async throws -> StartOutcome {
        let prepared = try PreparedRequest(request, defaults: gitDefaults)
        let outcome = try await reservations.reserve(prepared, within: Self.longestReservation)
        if case .started(let build) = outcome {
            open.withLock { open in _ = open.insert(build.id) }
            logger.info(
                "version reserved",
                metadata: [
                    "build": "\(build.id)", "image": "\(build.image)", "requestedBy": "\(build.requestedBy ?? "-")",
                ])
        }
        return outcome
    }

    /// The builds that are known, newest first.
    public func builds(of webapp: WebappName?, status: Build.Status?) async throws -> [Build] {
        try await builder.builds(of: webapp)
            .filter { status == nil || $0.status == status }
            .sorted { ($0.createdAt, $0.id.description) > ($1.createdAt, $1.id.description) }
    }

    /// A build.
    /// - Throws: ``BuildsError`` with ``BuildsError/Code/buildUnknown``, or an error of the builder.
    public func build(_ id: BuildID) async throws -> Build {
        guard let build = try await builder.build(id) else { throw Self.unknown(id) }
        return build
    }

    /// A build as soon as it has ended, or as it is after `longest`.
    /// - Throws: As ``build(_:)``.
    public func build(_ id: BuildID, waitingUpTo longest: Duration) async throws -> Build {
        let age = clock.stopwatch()
        var last: Build?
        while true {
            let build = try await observe(id, last: last)
            if build.status.isFinal { await versions.drop(build.webapp) }
            let left = longest - age()
            guard !build.status.isFinal, left > .zero else { return build }
            last = build
            try await clock.sleep(for: min(left, pollInterval))
        }
    }

    /// The build as it is now, then each time it has changed; ends after the final state.
    public func changes(of id: BuildID) -> AsyncThrowingStream<Build, any Error> {
        let last = LastBuild()
        return AsyncThrowingStream { [self] in
            if let build = last.build, build.status.isFinal { return nil }
            while true {
                let build = try await observe(id, last: last.build)
                if build != last.build {
                    last.build = build
                    if build.status.isFinal { await versions.drop(build.webapp) }
                    return build
                }
                try await clock.sleep(for: pollInterval)
            }
        }
    }

    /// The output of a build.
    /// - Throws: ``BuildsError`` with ``BuildsError/Code/buildUnknown``, or an error of the builder.
    public func log(of id: BuildID, _ extent: LogExtent) async throws -> BuildLog {
        guard let log = try await builder.log(of: id, extent) else { throw Self.unknown(id) }
        return log
    }

    /// Stops a build and frees its version.
    /// - Throws: ``BuildsError`` with ``BuildsError/Code/buildUnknown``, or an error of the builder.
    public func cancel(_ id: BuildID) async throws -> Build {
        guard let build = try await builder.cancel(id) else { throw Self.unknown(id) }
        logger.info("build cancelled", metadata: ["build": "\(id)"])
        return build
    }

    /// Drops what is known of a webapp's tags as soon as a build that was started here has ended, until the calling task is cancelled.
    ///
    /// Ends that other replicas see are not noticed; what they changed shows after `TAGS_MAX_AGE`.
    public func noticeEnds(every interval: Duration = .seconds(1)) async {
        while !Task.isCancelled {
            let waiting = open.withLock { $0 }
            if !waiting.isEmpty, let builds = try? await builder.builds(of: nil) {
                let running = Set(builds.filter { !$0.status.isFinal }.map(\.id))
                for build in builds where waiting.contains(build.id) && !running.contains(build.id) {
                    await versions.drop(build.webapp)
                }
                open.withLock { $0.subtract(waiting.subtracting(running)) }
            }
            try? await clock.sleep(for: interval)
        }
    }

    /// Whether builds can be created now.
    ///
    /// Throws an error that says why not.
    public func checkReadiness() async throws { try await builder.checkReadiness() }

    /// A build that disappears while somebody watches it was cancelled: nothing else takes a name away from a build that has not ended.
    private func observe(_ id: BuildID, last: Build?) async throws -> Build {
        if let build = try await builder.build(id) { return build }
        guard let last else { throw Self.unknown(id) }
        return last.cancelled()
    }

    private static func unknown(_ id: BuildID) -> BuildsError {
        BuildsError(
            .buildUnknown, "there is no build \(id); it was cancelled, or it ended long ago and was cleaned away")
    }
}

/// What an unfolding stream remembers between two calls; the stream makes one call at a time.
private final class LastBuild: Sendable {
    private let value = Mutex<Build?>(nil)

    var build: Build? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}
