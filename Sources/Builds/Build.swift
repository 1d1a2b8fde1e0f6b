public import FoundationEssentials
public import HTTPTransport
public import OCIDistribution
public import SemanticVersions

/// One attempt to produce one image for one reserved version.
public struct Build: Sendable, Equatable {
    /// How far a build has come.
    ///
    /// The last three are final.
    public enum Status: String, Sendable, CaseIterable {
        /// Reserved, and waiting for its turn.
        case queued
        /// Under way.
        case running
        /// The registry serves the tag.
        case succeeded
        /// Ended without the tag being known to be served.
        case failed
        /// Stopped by a caller.
        case cancelled

        /// Whether the build has ended.
        public var isFinal: Bool { self == .succeeded || self == .failed || self == .cancelled }
    }

    /// What a running build is doing.
    public enum Phase: String, Sendable, CaseIterable {
        /// Fetching the commit.
        case cloning
        /// Carrying out the Dockerfile.
        case building
        /// Sending the image to the registry.
        case pushing
        /// Asking the registry whether it serves the tag.
        case verifying
    }

    /// The name of the build and of its Job.
    public var id: BuildID
    /// The webapp that is built.
    public var webapp: WebappName
    /// The reserved version as it is tagged.
    public var version: VersionTag
    /// The whole reference that is pushed.
    public var image: ImageReference
    /// How far it is.
    public var status: Status
    /// What it is doing, while it runs.
    public var phase: Phase?
    /// How far the making of the image is; `nil` where that is not known.
    public var progress: Progress?
    /// When it came to each phase, as far as that is known.
    public var phaseStarts: [Phase: Date] = [:]
    /// How long builds of this webapp usually take; ``BuildService`` tells.
    public var usualDuration: Duration?
    /// One sentence that a person can act on.
    public var message: String
    /// What the registry serves under the tag, once it does.
    public var digest: Digest?
    /// What is built; the commit is known once it was cloned.
    public var git: GitSource
    /// The platforms asked for; empty means the builder's own.
    public var platforms: [Platform]
    /// When the version was reserved.
    public var createdAt: Date
    /// When work on it began.
    public var startedAt: Date?
    /// When it ended.
    public var finishedAt: Date?
    /// The key that the caller sent to make the request repeatable.
    public var idempotencyKey: String?
    /// A hash of the request that came with the key, to tell a repetition from another request.
    public var requestFingerprint: String?
    /// The name of the caller, if callers have names.
    public var requestedBy: String?
    /// The URL to call when it has ended.
    public var callbackURL: String?
    /// The trace that the request for the build belonged to, which its callback belongs to as well.
    public var traceparent: Traceparent?
    /// What has come of calling it; `nil` where there is nobody to call.
    public var callback: Callback?
    /// Whether its name is taken and nothing of it may run yet, or ever: it may still be given up, or was, so nobody is
    /// promised it.
    public var isHeldBack = false

    /// Puts a build together.
    public init(
        id: BuildID, webapp: WebappName, version: VersionTag, image: ImageReference, status: Status,
        phase: Phase? = nil,
        message: String, digest: Digest? = nil, git: GitSource, platforms: [Platform] = [], createdAt: Date,
        startedAt: Date? = nil, finishedAt: Date? = nil, idempotencyKey: String? = nil,
        requestFingerprint: String? = nil,
        requestedBy: String? = nil, callbackURL: String? = nil
    ) {
        self.id = id
        self.webapp = webapp
        self.version = version
        self.image = image
        self.status = status
        self.phase = phase
        self.message = message
        self.digest = digest
        self.git = git
        self.platforms = platforms
        self.createdAt = createdAt
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.idempotencyKey = idempotencyKey
        self.requestFingerprint = requestFingerprint
        self.requestedBy = requestedBy
        self.callbackURL = callbackURL
        self.callback = callbackURL.map { _ in Callback() }
    }

    /// From the beginning of the work to its end, or to `now` while it lasts.
    public func duration(now: Date) -> Duration? {
        startedAt.map { (finishedAt ?? now).since($0) }
    }
}
