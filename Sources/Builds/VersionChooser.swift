import SemanticVersions

/// Chooses a version from what is known to be taken: pure, so that every rule can be tested without a registry.
struct VersionChooser {
    /// A choice.
    enum Choice: Equatable {
        /// This version, by this bump; no bump for an explicit version.
        case version(VersionTag, current: VersionTag?, bump: Bump?)
        /// No commit asks for a release.
        case releaseNotNeeded(current: VersionTag?)
    }

    /// The versions that builds hold, whatever their state.
    private let held: [VersionTag]
    private let policy: VersionPolicy
    /// Versions of builds and registry together, sorted once for all that a choice looks at.
    ///
    /// A build's version counts even where the filter would not count its tag.
    private let history: VersionHistory

    /// Takes what is known: all tags of the registry, or `nil` if it does not know the repository, and the versions that
    /// builds hold.
    init(tags: [String]?, held: [VersionTag], policy: VersionPolicy) {
        self.held = held
        self.policy = policy
        let names = Set(held.map(\.tag))
        history = VersionHistory(tags: names.union(tags ?? [])) { tag in
            names.contains(tag) || policy.filter?.admits(tag) ?? true
        }
    }

    /// Takes a listing that is sorted already and has all held versions in it; `nil` if it lacks one.
    ///
    /// Sorting takes longer than all the rest, and most builds have pushed what they hold.
    init?(sorted history: VersionHistory, held: [VersionTag], policy: VersionPolicy) {
        guard held.allSatisfy({ tag in history.versions.first { $0.version == tag.version }?.tag == tag.tag }) else {
            return nil
        }
        self.held = held
        self.policy = policy
        self.history = history
    }

    func choose(_ selection: BuildRequest.Selection) throws -> Choice {
        switch selection {
        case .bump(let bump, let prereleaseIdentifier, let range):
            return try next(bump, prereleaseIdentifier: prereleaseIdentifier, in: range)
        case .commits(let messages, let floor, let range):
            guard let bump = [try bump(for: messages), floor].compactMap(\.self).max() else {
                return .releaseNotNeeded(current: history.latest(in: range, prereleases: .whereNamed))
            }
            return try next(bump, prereleaseIdentifier: nil, in: range)
        case .version(let version):
            try checkExplicit(version)
            return .version(version, current: history.latest(in: nil, prereleases: .excluded), bump: nil)
        }
    }

    private func bump(for messages: [String]) throws(InvalidInput) -> Bump? {
        do {
            return try ConventionalCommit.bump(for: messages)
        } catch {
            throw InvalidInput(field: "commits", error.description)
        }
    }

    private func next(_ bump: Bump, prereleaseIdentifier: String?, in range: VersionRange?) throws -> Choice {
        let next: VersionTag
        do {
            next = try history.next(
                bump, in: range, prereleaseIdentifier: prereleaseIdentifier ?? policy.prereleaseIdentifier,
                initial: policy.initial)
        } catch  where error.code == .invalidPrereleaseIdentifier {
            throw InvalidInput(field: "prereleaseId", error.description)
        } catch {
            throw BuildsError(.noNextVersion, error.description)
        }
        // A version that the filter does not count would be computed again by the next build, and pushed over.
        if let filter = policy.filter, !filter.admits(next.tag) {
            throw BuildsError(
                .noNextVersion,
                "the next version would be \(next.tag), which TAG_FILTER \(filter) does not count as a version; "
                    + "ask for another bump or range, or change the filter")
        }
        let current = history.latest(in: range, prereleases: bump == .prerelease ? .included : .excluded)
        return .version(next, current: current, bump: bump)
    }

    private func checkExplicit(_ version: VersionTag) throws(BuildsError) {
        if let holder = held.first(where: { $0.version == version.version }) {
            throw BuildsError(
                .versionTaken,
                "version \(version.tag) is held by a build of \(holder.tag); ask for another version or a bump")
        }
        if let existing = history.existingTag(of: version.version) {
            throw BuildsError(
                .versionTaken,
                "version \(version.tag) exists in the registry as \(existing.tag); ask for another version or a bump")
        }
        if let filter = policy.filter, !filter.admits(version.tag) {
            throw BuildsError(
                .noNextVersion,
                "TAG_FILTER \(filter) does not count \(version.tag) as a version; ask for one that matches")
        }
    }
}
