public import Logging
public import OCIDistribution
public import SemanticVersions

/// Tags that follow the highest released version: `latest`, `v1`, `v1.2`.
///
/// They only ever point to the highest release there is, whatever order builds end in, and have its very digest. No
/// moving tag is a version itself: a version has three numbers.
///
/// Exclusivity is the caller's: registries have no compare-and-set for tags, so only one process at a time may call
/// ``advance(_:after:isStillAllowed:)`` for a repository. A Lease sees to that in a cluster, a file lock on one machine.
/// Whoever holds it calls this after each success, and again after an error: what was moved already stays as it is.
public struct MovingTags: Sendable {
    /// What a moving tag follows.
    public enum Kind: String, CaseIterable, Sendable {
        /// `latest`: the highest release of all.
        case latest
        /// `v1`: the highest release with the same first number.
        case major
        /// `v1.2`: the highest release with the same first two numbers.
        case minor
    }

    /// A tag that was moved.
    public struct Moved: Sendable, Equatable {
        /// The moving tag.
        public var tag: Tag
        /// What it pointed to before; `nil` if there was no such tag.
        public var from: Digest?
        /// What it points to now.
        public var to: Digest
        /// The version that has this digest.
        public var version: VersionTag
    }

    /// Why ``advance(_:after:isStillAllowed:)`` ended before the tags were where they belong, apart from errors of the
    /// registry.
    public struct Incomplete: Error, Sendable, Equatable, CustomStringConvertible {
        /// What stood in the way, for callers to match.
        public enum Reason: Sendable, Equatable {
            /// This process may no longer move tags; whoever may has to do it.
            case notAllowed
            /// The registry lists a version and serves nothing under it.
            case notServed
            /// The tags were out of date again after each round.
            case unsettled
        }

        /// What stood in the way.
        public var reason: Reason
        /// The tags that were moved before.
        public var moved: [Moved]
        /// What was tried, what came of it, what to do.
        public var description: String
    }

    /// How often tags are moved in one call, each time to what a new listing says.
    static let mostRounds = 3

    private let kinds: Set<Kind>
    private let registry: any MovingTagRegistry
    private let policy: VersionPolicy
    private let logger: Logger

    /// Moves tags of these kinds; none at all if the set is empty.
    ///
    /// Only versions that the policy's filter admits count.
    public init(kinds: Set<Kind>, registry: any MovingTagRegistry, policy: VersionPolicy, logger: Logger) {
        self.kinds = kinds
        self.registry = registry
        self.policy = policy
        self.logger = logger
    }

    /// Reads the setting `MOVING_TAGS`: any of `latest`, `major` and `minor`, separated by commas; empty for none.
    /// - Throws: ``InvalidInput`` for the field `MOVING_TAGS`.
    public static func kinds(_ setting: String) throws(InvalidInput) -> Set<Kind> {
        let words = setting.split(separator: ",", omittingEmptySubsequences: false).map {
            $0.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        guard words != [""] else { return [] }
        var kinds: Set<Kind> = []
        for word in words {
            guard let kind = Kind(rawValue: word) else {
                throw InvalidInput(
                    field: "MOVING_TAGS",
                    "\(InvalidInput.quoted(word)) is none of \(Kind.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            kinds.insert(kind)
        }
        return kinds
    }

    /// Brings the moving tags of a repository that concern a version to the highest released versions there are now.
    ///
    /// All tags are listed anew, and again after tags were moved, until nothing is left to do: a release that appears
    /// meanwhile counts. A tag that has the right digest is not written. The tags are spelled as the version is, `v1` for
    /// `v1.2.3` and `1` for `1.2.3`; what they follow may be spelled either way. A prerelease, or a version that the
    /// filter leaves out, moves nothing.
    ///
    /// A tag that is being moved when the task is cancelled is moved to the end, within the registry client's deadline: so
    /// nothing of this call is under way any more when it has returned.
    /// - Parameters:
    ///   - repository: Where the tags are.
    ///   - version: The version that the registry has begun to serve.
    ///   - isStillAllowed: Whether this process may still move tags, and for as long as moving one may take, which is
    ///     the registry client's deadline. Asked right before each tag is moved.
    /// - Returns: What was moved, in order.
    /// - Throws: ``Incomplete``, an error of the registry, or `CancellationError`.
    public func advance(
        _ repository: Repository, after version: VersionTag, isStillAllowed: @Sendable () -> Bool
    ) async throws -> [Moved] {
        guard !kinds.isEmpty, !version.version.isPrerelease, admits(version.tag) else { return [] }
        var moved: [Moved] = []
        for round in 0...Self.mostRounds {
            let due = try await due(in: repository, after: version, moved)
            guard !due.isEmpty else { return moved }
            guard round < Self.mostRounds else { break }
            var manifests: [Digest: Manifest] = [:]
            for var move in due {
                let manifest =
                    if let known = manifests[move.to] { known } else {
                        try await registry.manifest(of: move.to, in: repository)
                    }
                manifests[move.to] = manifest
                try Task.checkCancellation()
                guard isStillAllowed() else {
                    throw Incomplete(
                        reason: .notAllowed, moved: moved,
                        description: "\(repository):\(move.tag) was not pointed to \(move.version.tag), because "
                            + "another process may be moving tags now; it has to do so")
                }
                move.to = try await point(move.tag, to: manifest, in: repository)
                moved.append(move)
                logger.info(
                    "tag moved",
                    metadata: [
                        "repository": "\(repository)", "tag": "\(move.tag)", "version": "\(move.version.tag)",
                        "digest": "\(move.to)", "from": "\(move.from?.description ?? "none")",
                    ])
            }
        }
        throw Incomplete(
            reason: .unsettled, moved: moved,
            description:
                "the moving tags of \(repository) were out of date again after each of \(Self.mostRounds) rounds: "
                + "releases come too fast, or something else moves the tags; try again")
    }

    /// The tags that do not point to what they should, by a new listing.
    private func due(in repository: Repository, after version: VersionTag, _ moved: [Moved]) async throws -> [Moved] {
        let tags = try await registry.currentTags(of: repository) ?? []
        let history = VersionHistory(tags: tags, where: admits)
        var served: [VersionTag: Digest] = [:]
        var due: [Moved] = []
        for kind in Kind.allCases where kinds.contains(kind) {
            guard let highest = history.versions.first(where: { kind.follows($0.version, for: version.version) }) else {
                continue
            }
            let tag = try Tag(kind.name(for: version))
            let wanted =
                if let known = served[highest] { known } else {
                    try await registry.servedDigest(of: try Tag(highest.tag), in: repository)
                }
            guard let wanted else {
                throw Incomplete(
                    reason: .notServed, moved: moved,
                    description: "the registry lists \(repository):\(highest.tag) and serves nothing there, so \(tag) "
                        + "stays as it is; remove that tag or push it again")
            }
            served[highest] = wanted
            let current = tags.contains(tag.name) ? try await registry.servedDigest(of: tag, in: repository) : nil
            if current != wanted { due.append(Moved(tag: tag, from: current, to: wanted, version: highest)) }
        }
        return due
    }

    /// Moves a tag, to the end even if the task is cancelled.
    ///
    /// A request that was given up on may still be carried out, after somebody else has moved the tag further. So it is
    /// waited for, in a task of its own that no cancellation reaches; the registry's client bounds the time.
    private func point(_ tag: Tag, to manifest: Manifest, in repository: Repository) async throws -> Digest {
        let registry = registry
        return try await Task { try await registry.tag(manifest, as: tag, in: repository) }.value
    }

    private func admits(_ tag: String) -> Bool { policy.filter?.admits(tag) ?? true }
}

extension MovingTags.Kind {
    /// Whether the moving tag of a version may point to another.
    fileprivate func follows(_ other: SemanticVersion, for version: SemanticVersion) -> Bool {
        guard !other.isPrerelease else { return false }
        return switch self {
        case .latest: true
        case .major: other.major == version.major
        case .minor: other.major == version.major && other.minor == version.minor
        }
    }

    /// The name of the moving tag that concerns a version.
    ///
    /// It has two numbers at most, and so is never a version.
    fileprivate func name(for version: VersionTag) -> String {
        let prefix = version.hasPrefix ? "v" : ""
        return switch self {
        case .latest: rawValue
        case .major: "\(prefix)\(version.version.major)"
        case .minor: "\(prefix)\(version.version.major).\(version.version.minor)"
        }
    }
}
