public import FoundationEssentials
public import HTTPTransport
public import OCIDistribution
public import SemanticVersions
internal import Synchronization

/// What carries builds out, and the place where reservations are kept.
///
/// The two implementations pass one conformance suite. Everything a builder knows is outside the process, so any number of processes
/// may use the same one, and any of them may die at any instant.
public protocol Builder: Sendable {
    /// Every build that still holds its name, whatever its state: of one webapp, or of all.
    ///
    /// Complete or an error. A build whose ``create(_:)`` returned before this call began is among them.
    func builds(of webapp: WebappName?) async throws -> [Build]

    /// The builds of one webapp, or of all, as ``snapshots()`` would tell of them now: for people who look on.
    ///
    /// Throws what ``builds(of:)`` throws.
    func glance(of webapp: WebappName?) async throws -> [Build]

    /// The build of that name, with what is known of it now; `nil` if there is none.
    func build(_ id: BuildID) async throws -> Build?

    /// Reserves the plan's version and starts, or queues, its build. This is the compare-and-set: of any number of calls with the same
    /// id exactly one answers ``Creation/created(_:)`` for as long as that build holds its name.
    ///
    /// Once it holds the name, and before anything of the build can push, the builder asks the registry for the tag and fails the build
    /// if it is served. Between the listings that led to the plan and this call another build may have held the name, been cancelled,
    /// pushed with its last breath, and let go of it: no listing shows that.
    ///
    /// Likewise for the plan's idempotency key: of any number of calls with one key, whatever their ids, no two let a build run for as
    /// long as one of these builds holds its name. The others answer ``Creation/nameTaken``; when they come at once, all may.
    func create(_ plan: BuildPlan) async throws -> Creation

    /// The output of clone and build so far and, with `.following`, what is to come until the build has ended.
    ///
    /// `nil` if there is no such build.
    func log(of id: BuildID, _ extent: LogExtent) async throws -> BuildLog?

    /// Stops a build and frees its version once nothing of it can push any more. Answers the build as it is then, or `nil` if there is
    /// none. A build that has ended already is left as it is.
    func cancel(_ id: BuildID) async throws -> Build?

    /// Whether builds can be created now. Throws an error that says why not.
    func checkReadiness() async throws

    /// The build as it is, then as it is each time it has changed; ends after the final state.
    ///
    /// A build that vanishes meanwhile ends as cancelled, unless it is known to have ended otherwise. Throws ``BuildsError`` with
    /// ``BuildsError/Code/buildUnknown`` if there is none.
    func updates(of id: BuildID) -> AsyncThrowingStream<Build, any Error>

    /// All builds as they are, newest first, then as they are each time something has changed: for people who look on.
    ///
    /// At most a few times a second, however much changes. What is told may be a moment old, and nothing is recorded for it. Throws what
    /// ``builds(of:)`` throws.
    func snapshots() -> AsyncThrowingStream<[Build], any Error>

    /// Keeps what the builder knows up to date, and its affairs in order, until the calling task is cancelled.
    ///
    /// Everything else works without it, but nobody then looks after builds that nobody looks at.
    /// - Parameter ended: Called for each build that is seen to end, whoever started it, once or a few times; also for those that had ended
    ///   before.
    func run(as role: BuilderRole, ended: @escaping @Sendable (Build) async -> Void) async
}

/// What a process that runs a builder is there for.
public enum BuilderRole: Sendable {
    /// To look after all builds, in turn with others of its kind.
    case service
    /// To follow some builds, and to leave the rest to the service.
    case observer
}

/// What came of trying to reserve a version.
public enum Creation: Sendable {
    /// The version is reserved, and this is its build.
    case created(Build)
    /// The name is taken by another build, or by one that is still being deleted; or another build has the plan's idempotency key.
    case nameTaken
}

/// How much of a log to read.
public enum LogExtent: Sendable {
    /// What there is now.
    case soFar
    /// What there is and what comes, until the build has ended.
    case following
}

/// The bytes of a log, in order, in chunks of no particular size.
public struct BuildLog: AsyncSequence, Sendable {
    /// A chunk, never empty.
    public typealias Element = [UInt8]

    private let makeNext: @Sendable () -> (@Sendable () async throws -> [UInt8]?)

    /// A log read by calling what `makeNext` makes until it answers `nil`.
    public init(_ makeNext: @escaping @Sendable () -> (@Sendable () async throws -> [UInt8]?)) {
        self.makeNext = makeNext
    }

    /// Starts reading from the beginning.
    public func makeAsyncIterator() -> Iterator { Iterator(advance: makeNext()) }

    /// Reads chunk after chunk.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let advance: @Sendable () async throws -> [UInt8]?

        /// The next chunk, or `nil` at the end.
        public mutating func next() async throws -> [UInt8]? { try await advance() }
    }
}

/// Everything that a builder has to know to reserve a version and build it.
public struct BuildPlan: Sendable, Equatable {
    /// The name of the build, made from repository and version.
    public var id: BuildID
    /// The webapp to build.
    public var webapp: WebappName
    /// The version to reserve.
    public var version: VersionTag
    /// The whole reference to push.
    public var image: ImageReference
    /// What to build.
    public var git: GitSource
    /// The platforms to build for; empty means the builder's own.
    public var platforms: [Platform]
    /// The time of the reservation.
    public var createdAt: Date
    /// See ``Build/idempotencyKey``.
    public var idempotencyKey: String?
    /// See ``Build/requestFingerprint``.
    public var requestFingerprint: String?
    /// See ``Build/requestedBy``.
    public var requestedBy: String?
    /// See ``Build/callbackURL``.
    public var callbackURL: String?
    /// See ``Build/traceparent``.
    public var traceparent: Traceparent?

    /// Puts a plan together for a version.
    public init(
        webapp: WebappName, version: VersionTag, image: ImageReference, git: GitSource, platforms: [Platform] = [],
        createdAt: Date, idempotencyKey: String? = nil, requestFingerprint: String? = nil, requestedBy: String? = nil,
        callbackURL: String? = nil
    ) {
        self.id = BuildID(webapp: webapp, repository: image.repository, version: version.version)
        self.webapp = webapp
        self.version = version
        self.image = image
        self.git = git
        self.platforms = platforms
        self.createdAt = createdAt
        self.idempotencyKey = idempotencyKey
        self.requestFingerprint = requestFingerprint
        self.requestedBy = requestedBy
        self.callbackURL = callbackURL
    }

    /// The build as it is right after its version was reserved.
    public func queued(message: String) -> Build {
        var build = Build(
            id: id, webapp: webapp, version: version, image: image, status: .queued, message: message, git: git,
            platforms: platforms, createdAt: createdAt, idempotencyKey: idempotencyKey,
            requestFingerprint: requestFingerprint, requestedBy: requestedBy, callbackURL: callbackURL)
        build.traceparent = traceparent
        return build
    }
}

extension Builder {
    /// Looks at the build four times a second.
    public func updates(of id: BuildID) -> AsyncThrowingStream<Build, any Error> {
        polledUpdates(of: id, every: .milliseconds(250))
    }

    /// Looks at the build again and again.
    public func polledUpdates(of id: BuildID, every interval: Duration) -> AsyncThrowingStream<Build, any Error> {
        let last = LastBuild()
        return AsyncThrowingStream {
            let known = last.build
            if known?.status.isFinal == true { return nil }
            while true {
                // Nothing but a cancellation takes a name away from a build that has not ended.
                guard var build = try await self.build(id) ?? known?.cancelled() else { throw BuildsError.unknown(id) }
                // Cancelled, and its version given to another.
                if let known, known.createdAt != build.createdAt { build = known.cancelled() }
                if build != known {
                    last.build = build
                    return build
                }
                try await Task.sleep(for: interval)
            }
        }
    }
}

extension Builder {
    /// Looks at the builds themselves.
    public func glance(of webapp: WebappName?) async throws -> [Build] { try await builds(of: webapp) }

    /// Looks at all builds once a second.
    public func snapshots() -> AsyncThrowingStream<[Build], any Error> {
        let last = LastBuilds()
        return AsyncThrowingStream {
            while true {
                let builds = try await self.builds(of: nil).newestFirst
                if builds != last.builds {
                    last.builds = builds
                    return builds
                }
                try await Task.sleep(for: .seconds(1))
            }
        }
    }
}

extension [Build] {
    /// The builds in the order of their reservations, the last one first.
    var newestFirst: [Build] {
        sorted { ($0.createdAt, $0.id.description) > ($1.createdAt, $1.id.description) }
    }
}

/// What an unfolding stream of all builds remembers between two calls; the stream makes one call at a time.
final class LastBuilds: Sendable {
    private let value = Mutex<[Build]?>(nil)

    var builds: [Build]? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}

/// What an unfolding stream remembers between two calls; the stream makes one call at a time.
final class LastBuild: Sendable {
    private let value = Mutex<Build?>(nil)

    var build: Build? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}
