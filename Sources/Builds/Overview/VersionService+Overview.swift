public import FoundationEssentials
public import OCIDistribution
public import SemanticVersions

/// A webapp at a glance.
public struct WebappOverview: Sendable, Equatable {
    /// The webapp that was asked about.
    public var webapp: WebappName
    /// Its repository.
    public var repository: Repository
    /// The highest version that is no prerelease.
    public var latest: VersionTag?
    /// What the registry serves under ``latest``.
    public var digest: Digest?
    /// When that image was made, if it says so.
    public var createdAt: Date?
    /// The bytes of that image; see `ImageDetails.size`.
    public var size: Int?
    /// How many tags there are.
    public var count: Int
    /// What comes next by a bump; a bump that leads to no version is left out.
    public var next: [Bump: VersionTag]
    /// The versions of builds that have not ended, highest first.
    public var inFlight: [VersionTag]
    /// How long ago the registry was asked for the tags.
    public var age: Duration
}

/// A version that the registry serves.
public struct ServedVersion: Sendable, Equatable {
    /// Its tag.
    public var tag: VersionTag
    /// What the registry serves under it; `nil` if that is nothing that can be read.
    public var digest: Digest?
    /// When the image was made, if it says so.
    public var createdAt: Date?
}

extension VersionService {
    /// How many tags are looked up at a time for one caller.
    static let lookUps = 4
    /// How long it may take to look all of them up.
    static let longestLookUp: Duration = .seconds(20)

    /// A webapp at a glance; one whose repository the registry does not know has no version yet.
    /// - Throws: An error of registry or builder.
    public func overview(of webapp: WebappName, freshness: Freshness) async throws -> WebappOverview {
        let repository = try naming.repository(of: webapp)
        let builds = try await builder.glance(of: webapp)
        let (listing, age) = try await listing(of: repository, freshness: freshness)
        let history = listing.map { self.history(of: $0, in: repository) }
        let held = builds.map(\.version)
        let chooser = chooser(of: listing, history, held: held)
        var overview = WebappOverview(
            webapp: webapp, repository: repository, latest: history?.latest(in: nil, prereleases: .excluded),
            count: history.map { $0.versions.count + $0.otherTags.count } ?? 0, next: [:],
            inFlight: Self.inFlight(builds), age: age)
        for bump in [Bump.patch, .minor, .major] {
            do {
                let selection = BuildRequest.Selection.bump(bump, prereleaseIdentifier: nil, range: nil)
                if case .version(let next, _, _) = try chooser.choose(selection) { overview.next[bump] = next }
            } catch let error as BuildsError where error.code == .noNextVersion {
                continue
            }
        }
        // A tag that went away since it was listed is told without an image.
        if let latest = overview.latest {
            let place = TagPlace(tag: try Tag(latest.tag), repository: repository)
            let served = try await served.value(of: place, anew: freshness == .anew)
            overview.digest = served?.digest
            overview.createdAt = served?.facts?.createdAt
            overview.size = served?.facts?.size
        }
        return overview
    }

    /// The highest versions that the registry serves, highest first: each of them or an error.
    /// - Throws: `RegistryError`, with code `timeout` when there is no time for all of them: what was read by then is kept, so
    ///   that a repetition comes further.
    public func versions(of webapp: WebappName, limit: Int, freshness: Freshness) async throws -> [ServedVersion] {
        let repository = try naming.repository(of: webapp)
        guard let listing = try await listing(of: repository, freshness: freshness).0 else { return [] }
        let tags = Array(history(of: listing, in: repository).versions.prefix(limit))
        let versions = try await clock.within(Self.longestLookUp) { [self] in
            try await withThrowingTaskGroup(of: (Int, ServedVersion?).self) { group in
                var versions = [ServedVersion?](repeating: nil, count: tags.count)
                for (index, tag) in tags.enumerated() {
                    if index >= Self.lookUps, let (done, version) = try await group.next() { versions[done] = version }
                    group.addTask {
                        let place = TagPlace(tag: try Tag(tag.tag), repository: repository)
                        let served = try await self.served.value(of: place, anew: freshness == .anew)
                        return (
                            index,
                            served.map {
                                ServedVersion(tag: tag, digest: $0.digest, createdAt: $0.facts?.createdAt)
                            }
                        )
                    }
                }
                for try await (index, version) in group { versions[index] = version }
                return versions.compactMap(\.self)
            }
        }
        guard let versions else {
            throw RegistryError(
                .timeout, operation: "read the \(tags.count) highest versions of \(repository)",
                summary: "there was no complete answer within \(Self.longestLookUp)",
                advice: "Ask again, or with a lower limit: what was read by now is kept")
        }
        return versions
    }
}
