/// A set of versions, in the syntax that npm and the tools on Masterminds/semver (Flux, Helm) share.
///
/// | written | means |
/// |---|---|
/// | `1.2.3`, `=1.2.3`, `v1.2.3` | that version |
/// | `1`, `1.x`, `1.2.*`, `*`, nothing at all | all with these numbers |
/// | `>1.2 >=1.2 <1.2 <=1.2 !=1.2` | compared with all that have these numbers: `>1.2` begins at `1.3.0` |
/// | `^1.2.3` | at least this, the leftmost number other than zero unchanged |
/// | `~1.2.3`, `~>1.2.3` | at least this, the minor number (the major, where no minor is written) unchanged |
/// | `1.2 - 2.3.4` | both ends included |
/// | `>=1 <2`, `>=1, <2` | both |
/// | `1.x \|\| 3.x` | either |
///
/// Differences: an empty alternative (`1.x ||`) is refused, since it would silently admit everything; so is a prerelease
/// after fewer than three numbers (`>=1.2-0`). A partial lower bound begins with its own prereleases wherever those count.
///
/// Two ranges are equal when they are written alike.
///
/// Spec: npm semver "Ranges"; Masterminds/semver "Checking Version Constraints".
public struct VersionRange: Hashable, Sendable {
    /// The most characters that a range may have.
    public static let maximumLength = 256

    /// The range as written, without the space around it; `*` for an empty text.
    public let description: String

    /// What the `||` separate; a version is in the range if it is in one of them.
    let alternatives: [Alternative]

    /// Whether the version is in the range.
    ///
    /// - Parameters:
    ///   - version: The version, whose build metadata is ignored.
    ///   - prereleases: Which prereleases count.
    public func contains(_ version: SemanticVersion, prereleases: PrereleasePolicy) -> Bool {
        if version.isPrerelease && prereleases == .excluded { return false }
        let core = version.core
        return alternatives.contains { alternative in
            alternative.contains(version)
                && (!version.isPrerelease || prereleases == .included || alternative.named.contains(core))
        }
    }

    /// Whether a version may be made within the range.
    ///
    /// A prerelease may if the release that it leads to is in the range too, or if the range names it: `<2.0.0` is no place
    /// for `2.0.0-rc.1`, although that precedes `2.0.0`.
    func admits(_ version: SemanticVersion) -> Bool {
        guard version.isPrerelease else { return contains(version, prereleases: .excluded) }
        return contains(version, prereleases: .whereNamed)
            || contains(version, prereleases: .included) && contains(version.core, prereleases: .excluded)
    }

    /// The lowest release in the range, or nil if it holds no release at all.
    var lowestRelease: SemanticVersion? {
        alternatives.compactMap(\.lowestRelease).min()
    }
}

extension VersionRange: CustomStringConvertible {}

extension VersionRange {
    /// The versions from one on and below another, by precedence.
    ///
    /// Every comparator is one of these, for between a version
    /// and its successor there is none.
    struct Span: Hashable, Sendable {
        /// The lowest version of the span.
        var lower = SemanticVersion.lowest
        /// The first version above the span, nil if it has no end.
        var upper: SemanticVersion?

        func contains(_ version: SemanticVersion) -> Bool {
            guard !version.precedes(lower) else { return false }
            guard let upper else { return true }
            return version.precedes(upper)
        }
    }

    /// What stands between two `||`: comparators that must all hold.
    struct Alternative: Hashable, Sendable {
        /// What the comparators have in common.
        private(set) var span = Span()
        /// What `!=` takes out of it.
        private(set) var exclusions: [Span] = []
        /// The three numbers of those versions that the comparators other than `!=` name with a prerelease.
        private(set) var named: Set<SemanticVersion> = []

        mutating func require(_ other: Span) {
            if span.lower.precedes(other.lower) { span.lower = other.lower }
            guard let end = other.upper else { return }
            span.upper = span.upper.map { $0.precedes(end) ? $0 : end } ?? end
        }

        mutating func exclude(_ other: Span) {
            exclusions.append(other)
        }

        mutating func name(_ version: SemanticVersion) {
            if version.isPrerelease { named.insert(version.core) }
        }

        func contains(_ version: SemanticVersion) -> Bool {
            span.contains(version) && !exclusions.contains { $0.contains(version) }
        }

        /// The lowest release: that of the lower bound, or the first above the exclusions that stand in the way.
        var lowestRelease: SemanticVersion? {
            var candidate = span.lower.core
            while let obstacle = exclusions.first(where: { $0.contains(candidate) }) {
                guard let end = obstacle.upper else { return nil }
                candidate = end.core
            }
            return span.contains(candidate) ? candidate : nil
        }
    }
}
