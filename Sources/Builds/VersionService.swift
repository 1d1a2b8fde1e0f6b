public import OCIDistribution
public import SemanticVersions
internal import Synchronization

/// How old an answer about tags may be.
public enum Freshness: Sendable {
    /// As old as the configuration allows (`TAGS_MAX_AGE`).
    case cached
    /// Asked now.
    case anew
}

/// The tags of a webapp's repository.
public struct TagsAnswer: Sendable, Equatable {
    /// The webapp that was asked about.
    public var webapp: WebappName
    /// Its repository.
    public var repository: Repository
    /// The highest version within the range; prereleases not counted unless asked.
    public var latest: VersionTag?
    /// How many tags there are within the range, before the limit.
    public var count: Int
    /// Versions first, highest first, then the other tags by name.
    public var tags: [String]
    /// How long ago the registry was asked.
    public var age: Duration
}

/// The version that comes next.
///
/// It promises nothing: only a build reserves.
public struct NextAnswer: Sendable, Equatable {
    /// The webapp that was asked about.
    public var webapp: WebappName
    /// Its repository.
    public var repository: Repository
    /// The highest version there is within the range, held by builds or in the registry; `nil` if there is none.
    public var current: VersionTag?
    /// The next version; `nil` when no release is needed.
    public var next: VersionTag?
    /// The reference that a build of ``next`` would push.
    public var image: ImageReference?
    /// The bump that leads from one to the other; `nil` when no release is needed.
    public var bump: Bump?
    /// The versions of builds that have not ended, highest first.
    public var inFlight: [VersionTag]
    /// How long ago the registry was asked.
    public var age: Duration

    /// Whether anything asks for a release.
    public var releaseNeeded: Bool { next != nil }
}

/// Answers which versions there are, and which comes next.
public final class VersionService: Sendable {
    let naming: ImageNaming
    let policy: VersionPolicy
    let registry: RegistryClient
    private let listings: SharedTagListings
    let catalog: SharedCatalog
    /// What the registry serves under tags of versions, which nobody moves as a rule.
    let served: SharedLookUps<TagPlace, ServedImage>
    let clock: any Clock<Duration>
    let builder: any Builder
    /// Sorting ten thousand tags takes longer than all the rest of an answer, and most answers are from the same listing.
    private let sorted = Mutex<[Repository: (listing: TagListing, history: VersionHistory)]>([:])
    /// How many sorted listings are kept.
    private static let mostSorted = 256

    /// For how long at least it is kept what a version's tag points to.
    private static let shortestKeep: Duration = .seconds(30)

    /// Answers from a registry and a builder.
    ///
    /// - Parameter clock: Measures ages and waits.
    public init(
        naming: ImageNaming, policy: VersionPolicy, registry: RegistryClient, listings: SharedTagListings,
        builder: any Builder, clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.naming = naming
        self.policy = policy
        self.registry = registry
        self.listings = listings
        self.clock = clock
        self.catalog = SharedCatalog(clock: clock) { try await registry.repositories() }
        let images = KnownImages()
        self.served = SharedLookUps(maxAge: max(listings.maxAge, Self.shortestKeep), clock: clock) { place in
            try await place.served(by: registry, images)
        }
        self.builder = builder
    }

    /// The tags of a webapp, complete or an error.
    /// - Parameters:
    ///   - range: Only versions within it; tags that are no version are left out, too. `nil` shows all tags.
    ///   - prereleases: Whether prereleases count for `latest` and the range; `nil` means where the range names them.
    ///   - limit: How many tags to show at most.
    /// - Throws: ``BuildsError`` with ``BuildsError/Code/repositoryUnknown``, or a `RegistryError`.
    public func tags(
        of webapp: WebappName, range: VersionRange?, prereleases: PrereleasePolicy?, limit: Int?, freshness: Freshness
    ) async throws -> TagsAnswer {
        let repository = try naming.repository(of: webapp)
        let (all, age) = try await listing(of: repository, freshness: freshness)
        guard let all else {
            throw BuildsError(
                .repositoryUnknown,
                "the registry \(naming.registry) does not know the repository \(repository); "
                    + "its first build makes it, as \(policy.initial.tag)")
        }
        let history = history(of: all, in: repository)
        let prereleases = prereleases ?? .whereNamed
        let latest = history.latest(in: range, prereleases: prereleases)
        var tags: [String]
        if let range {
            let policy: PrereleasePolicy = prereleases == .excluded ? .whereNamed : prereleases
            tags = history.versions.filter { range.contains($0.version, prereleases: policy) }.map(\.tag)
        } else {
            tags = history.versions.map(\.tag) + history.otherTags
        }
        let count = tags.count
        if let limit { tags = Array(tags.prefix(limit)) }
        return TagsAnswer(webapp: webapp, repository: repository, latest: latest, count: count, tags: tags, age: age)
    }

    /// What is behind a tag.
    /// - Throws: ``BuildsError`` with ``BuildsError/Code/tagUnknown``, or a `RegistryError`.
    public func image(of webapp: WebappName, tag: Tag) async throws -> (ImageReference, ImageDetails) {
        let repository = try naming.repository(of: webapp)
        do {
            let details = try await registry.image(tag, in: repository)
            return (try naming.image(of: webapp, tag: tag.description), details)
        } catch let error as RegistryError where error.code == .manifestUnknown || error.code == .nameUnknown {
            throw BuildsError(
                .tagUnknown, "the registry \(naming.registry) has no tag \(tag) in the repository \(repository)")
        }
    }

    /// The version that comes next by a bump.
    /// - Throws: ``BuildsError`` with ``BuildsError/Code/noNextVersion``, or an error of registry or builder.
    public func next(
        of webapp: WebappName, bump: Bump, prereleaseIdentifier: String?, range: VersionRange?, freshness: Freshness
    ) async throws -> NextAnswer {
        try await next(
            of: webapp, .bump(bump, prereleaseIdentifier: prereleaseIdentifier, range: range), freshness: freshness)
    }

    /// The version that Conventional Commits ask for; at least `bump` if there is one.
    /// - Throws: As ``next(of:bump:prereleaseIdentifier:range:freshness:)``.
    public func next(
        of webapp: WebappName, commits: [String], atLeast bump: Bump?, range: VersionRange?, freshness: Freshness
    ) async throws -> NextAnswer {
        try await next(of: webapp, .commits(commits, bump: bump, range: range), freshness: freshness)
    }

    private func next(
        of webapp: WebappName, _ selection: BuildRequest.Selection, freshness: Freshness
    ) async throws -> NextAnswer {
        let repository = try naming.repository(of: webapp)
        let builds = try await builder.builds(of: webapp)
        let (listing, age) = try await listing(of: repository, freshness: freshness)
        let held = builds.map(\.version)
        let chooser = chooser(of: listing, listing.map { history(of: $0, in: repository) }, held: held)
        var answer = NextAnswer(
            webapp: webapp, repository: repository, inFlight: Self.inFlight(builds), age: age)
        switch try chooser.choose(selection) {
        case .version(let next, let current, let bump):
            answer.current = current
            answer.next = next
            answer.image = try naming.image(of: webapp, tag: next.tag)
            answer.bump = bump
        case .releaseNotNeeded(let current):
            answer.current = current
        }
        return answer
    }

    /// Whether the registry answers and accepts the credentials.
    ///
    /// Throws an error that says why not.
    public func checkReadiness() async throws {
        try await registry.ping()
    }

    /// Forgets what is known of a webapp's tags, because it has changed.
    public func drop(_ webapp: WebappName) async {
        guard let repository = try? naming.repository(of: webapp) else { return }
        await listings.drop(repository)
        await served.drop { $0.repository == repository }
    }

    static func inFlight(_ builds: [Build]) -> [VersionTag] {
        builds.filter { !$0.status.isFinal }.map(\.version).sorted(by: >)
    }

    /// Chooses from the tags of a listing, whose order may be known, and from the tags that builds hold.
    func chooser(of listing: TagListing?, _ history: VersionHistory?, held: [VersionTag]) -> VersionChooser {
        history.flatMap { VersionChooser(sorted: $0, held: held, policy: policy) }
            ?? VersionChooser(tags: listing?.tags.map(\.name), held: held, policy: policy)
    }

    func history(of listing: TagListing, in repository: Repository) -> VersionHistory {
        if let known = sorted.withLock({ $0[repository] }), known.listing == listing { return known.history }
        let history = VersionHistory(tags: listing.tags.map(\.name)) { tag in policy.filter?.admits(tag) ?? true }
        sorted.withLock { sorted in
            if sorted.count >= Self.mostSorted { sorted.removeAll() }
            sorted[repository] = (listing, history)
        }
        return history
    }

    /// All tags and their age; `nil` where the registry does not know the repository.
    func listing(of repository: Repository, freshness: Freshness) async throws -> (TagListing?, age: Duration) {
        do {
            let shared = try await listings.listing(of: repository, freshness == .anew ? .fresh : .recent)
            return (shared.listing, shared.age)
        } catch let error as RegistryError where error.code == .nameUnknown {
            return (nil, .zero)
        }
    }
}
