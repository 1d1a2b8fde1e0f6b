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
    /// What this process has seen of builds that have ended.
    public let history = BuildHistory()
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
                    "build": "\(build.id)", "image": "\(build.image)", "requested_by": "\(build.requestedBy ?? "-")",
                ])
        }
        return outcome
    }

    /// Starts a build of the same source as one that has ended, with the next version: a prerelease after a prerelease, else a patch.
    ///
    /// The commit is the one that was built then, as far as it is known. Nobody is called back.
    /// - Throws: ``BuildsError`` with ``BuildsError/Code/buildUnknown`` or ``BuildsError/Code/buildNotFinished``, and as ``start(_:)``.
    public func retry(_ id: BuildID, requestedBy: String?, idempotencyKey: String?) async throws -> StartOutcome {
        let build = try await build(id)
        guard build.status.isFinal else {
            throw BuildsError(
                .buildNotFinished,
                "the build \(id) is \(build.status.rawValue) still; cancel it first, or wait for its end")
        }
        let prerelease = build.version.version.prerelease.prefix { $0.number == nil }.map(\.description)
        let bump: Bump = build.version.version.isPrerelease ? .prerelease : .patch
        // What is known of a build is without the credentials that the operator's own URL may have.
        let isDefault = gitDefaults.url?.withoutUserInfo == build.git.url.withoutUserInfo
        // Checked again: the Job may be somebody else's, or edited.
        return try await start(
            BuildRequest(
                webapp: build.webapp,
                selection: .bump(
                    bump, prereleaseIdentifier: prerelease.isEmpty ? nil : prerelease.joined(separator: "."), range: nil
                ),
                gitURL: isDefault ? nil : try GitSource.validatedURL(build.git.url),
                gitRef: try GitSource.validatedRef(build.git.ref),
                gitCommit: try build.git.commit.map(GitSource.validatedCommit),
                gitSubdirectory: try GitSource.validatedSubdirectory(build.git.subdirectory),
                platforms: build.platforms, idempotencyKey: idempotencyKey, requestedBy: requestedBy))
    }

    /// The builds that are known, newest first.
    public func builds(of webapp: WebappName?, status: Build.Status?) async throws -> [Build] {
        let builds = try await builder.builds(of: webapp)
        history.remember(builds)
        return builds.filter { status == nil || $0.status == status }.newestFirst.map(compared)
    }

    /// Remembers what has ended of a webapp's builds, or of all, and answers the builds: see ``Builder/glance(of:)``.
    @discardableResult
    public func glance(of webapp: WebappName?) async throws -> [Build] {
        let builds = try await builder.glance(of: webapp)
        history.remember(builds)
        return builds
    }

    /// All builds as they are, newest first, then as they are each time something has changed: see ``Builder/snapshots()``.
    public func snapshots() -> AsyncThrowingStream<[Build], any Error> {
        let snapshots = builder.snapshots()
        return AsyncThrowingStream { [self] in
            var iterator = snapshots.makeAsyncIterator()
            guard let builds = try await iterator.next() else { return nil }
            history.remember(builds)
            return builds.map(compared)
        }
    }

    /// The build with how long others of its webapp took.
    private func compared(_ build: Build) -> Build {
        var build = build
        build.usualDuration = history.usualDuration(of: build.webapp)
        return build
    }

    /// A build.
    /// - Throws: ``BuildsError`` with ``BuildsError/Code/buildUnknown``, or an error of the builder.
    public func build(_ id: BuildID) async throws -> Build {
        guard let build = try await builder.build(id) else { throw BuildsError.unknown(id) }
        return compared(build)
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
        return AsyncThrowingStream { [self] in
            var iterator = updates.makeAsyncIterator()
            guard let build = try await iterator.next() else { return nil }
            history.remember([build])
            if build.status.isFinal { await versions.drop(build.webapp) }
            return compared(build)
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
        BuildMetrics.prepare()
        await builder.run(as: role) { [versions, history] build in
            history.remember([build])
            await versions.drop(build.webapp)
        }
    }

    /// Whether builds can be created now.
    ///
    /// Throws an error that says why not.
    public func checkReadiness() async throws { try await builder.checkReadiness() }
}
