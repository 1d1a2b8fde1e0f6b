public import HTTPTransport
public import SemanticVersions

/// What a caller wants built.
public struct BuildRequest: Sendable, Equatable {
    /// How the version is chosen.
    public enum Selection: Sendable, Equatable {
        /// The next version by this bump.
        case bump(Bump, prereleaseIdentifier: String?, range: VersionRange?)
        /// Exactly this version.
        case version(VersionTag)
        /// What Conventional Commits ask for; with `bump`, at least that much.
        case commits([String], bump: Bump?, range: VersionRange?)
    }

    /// The webapp.
    public var webapp: WebappName
    /// How its version is chosen.
    public var selection: Selection
    /// The Git URL, if not the configured one.
    ///
    /// Validated.
    public var gitURL: String?
    /// The branch or tag, if not the configured one.
    ///
    /// Validated.
    public var gitRef: String?
    /// The full commit id to pin.
    ///
    /// Validated.
    public var gitCommit: String?
    /// The directory with the Dockerfile, if not the one named after the webapp.
    ///
    /// Validated.
    public var gitSubdirectory: String?
    /// The platforms; empty means the builder's own.
    public var platforms: [Platform]
    /// The URL to call when the build has ended.
    public var callbackURL: String?
    /// Makes the request repeatable: the same key answers with the same build for as long as that build is known.
    public var idempotencyKey: String?
    /// The name of the caller, if callers have names.
    public var requestedBy: String?
    /// The trace that the request belongs to; that of the calling task where there is none.
    public var traceparent: Traceparent?

    /// Describes a request; everything but webapp and selection may stay out.
    public init(
        webapp: WebappName, selection: Selection, gitURL: String? = nil, gitRef: String? = nil,
        gitCommit: String? = nil,
        gitSubdirectory: String? = nil, platforms: [Platform] = [], callbackURL: String? = nil,
        idempotencyKey: String? = nil, requestedBy: String? = nil
    ) {
        self.webapp = webapp
        self.selection = selection
        self.gitURL = gitURL
        self.gitRef = gitRef
        self.gitCommit = gitCommit
        self.gitSubdirectory = gitSubdirectory
        self.platforms = platforms
        self.callbackURL = callbackURL
        self.idempotencyKey = idempotencyKey
        self.requestedBy = requestedBy
    }
}
