internal import FoundationEssentials
public import Logging
internal import OCIDistribution
public import SemanticVersions

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
    private let logger: Logger

    /// Puts the service together.
    public init(
        versions: VersionService, builder: any Builder, registry: any TagRegistry, gitDefaults: GitDefaults,
        clock: any Clock<Duration> = ContinuousClock(), logger: Logger
    ) {
        self.versions = versions
        self.builder = builder
        self.gitDefaults = gitDefaults
        self.clock = clock
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
        guard let build = try await builder.build(id) else { throw BuildsError.unknown(id) }
        return build
    }

    /// A build as soon as it has ended, or as it is after `longest`.
    /// - Throws: As ``build(_:)``.
    public func build(_ id: BuildID, waitingUpTo longest: Duration) async throws -> Build {
        guard longest > .zero else { return try await build(id) }
        let last = LastBuild()
        _ = try await clock.within(longest) { [self] in
            for try await build in changes(of: id) { last.build = build }
        }
        guard let build = last.build else { return try await build(id) }
        return build
    }

    /// The build as it is now, then each time it has changed; ends after the final state.
    public func changes(of id: BuildID) -> AsyncThrowingStream<Build, any Error> {
        let updates = builder.updates(of: id)
        return AsyncThrowingStream { [versions] in
            var iterator = updates.makeAsyncIterator()
            let build = try await iterator.next()
            if let build, build.status.isFinal { await versions.drop(build.webapp) }
            return build
        }
    }

    /// The output of a build.
    /// - Throws: ``BuildsError`` with ``BuildsError/Code/buildUnknown``, or an error of the builder.
    public func log(of id: BuildID, _ extent: LogExtent) async throws -> BuildLog {
        guard let log = try await builder.log(of: id, extent) else { throw BuildsError.unknown(id) }
        return log
    }

    /// Stops a build and frees its version.
    /// - Throws: ``BuildsError`` with ``BuildsError/Code/buildUnknown``, or an error of the builder.
    public func cancel(_ id: BuildID) async throws -> Build {
        guard let build = try await builder.cancel(id) else { throw BuildsError.unknown(id) }
        logger.info("build cancelled", metadata: ["build": "\(id)"])
        return build
    }

    /// Looks after builds until the calling task is cancelled: see ``Builder/run(as:ended:)``.
    ///
    /// What is known of a webapp's tags is dropped as soon as a build of it has ended, whoever started it.
    public func run(as role: BuilderRole) async {
        await builder.run(as: role) { [versions] build in await versions.drop(build.webapp) }
    }

    /// Whether builds can be created now.
    ///
    /// Throws an error that says why not.
    public func checkReadiness() async throws { try await builder.checkReadiness() }
}
