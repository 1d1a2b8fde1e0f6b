extension VersionHistory {
    /// The most characters that a prerelease identifier may have.
    public static let maximumPrereleaseIdentifierLength = 64

    /// The version that comes next.
    ///
    /// - `major`, `minor`, `patch` raise the highest release. Where there are only prereleases, the highest of them leads to
    ///   its own release, or past it if the bump asks for more: `1.1.0-rc.2` becomes `1.1.0` by a minor or a patch bump and
    ///   `2.0.0` by a major one.
    /// - `prerelease` counts the highest version up if that is a prerelease with the identifier (`1.2.0-rc.1` becomes
    ///   `1.2.0-rc.2`), else begins with `.1` before the next patch release (`1.2.0` becomes `1.2.1-rc.1`). A prerelease with
    ///   another identifier keeps its numbers if the result is higher (`1.2.0-beta.3` becomes `1.2.0-rc.1`), else the next
    ///   patch is taken. Either way the result is higher than all prereleases of its three numbers with that identifier.
    ///
    /// With a range, only versions in the range are looked at, and the result is in the range as well. A prerelease is in the
    /// range if its release is, too, or if the range names it. Without any version to begin with the result is the initial
    /// version if the range has it, otherwise the lowest release of the range.
    ///
    /// The result is always higher than the version that it was made from, never exists in either spelling, counted or not,
    /// and is spelled as that version is. A version that exists is never skipped: the bump is refused.
    ///
    /// - Parameters:
    ///   - bump: What to raise.
    ///   - range: Which versions to look at and to stay within, all if nil.
    ///   - prereleaseIdentifier: One or more dot-separated identifiers such as `rc`, 64 characters at most. Checked for every
    ///     bump, used for `prerelease`.
    ///   - initial: The first version of a repository that has none.
    /// - Throws: An error that says why there is no such version.
    public func next(
        _ bump: Bump, in range: VersionRange?, prereleaseIdentifier: String, initial: VersionTag
    ) throws(NextVersionError) -> VersionTag {
        let identifier = try Self.identifiers(in: prereleaseIdentifier)
        let candidates = versions.lazy.filter { range?.admits($0.version) ?? true }
        guard let highest = candidates.first else {
            return try first(in: range, initial: initial)
        }
        let base: VersionTag
        let version: SemanticVersion
        if bump == .prerelease {
            base = highest
            version = nextPrerelease(after: highest.version, identifier: identifier)
        } else {
            base = candidates.first { !$0.version.isPrerelease } ?? highest
            version = base.version.release(after: bump)
        }
        return try claim(
            version, hasPrefix: base.hasPrefix, within: range, after: "a \(bump.rawValue) bump of \(base)")
    }

    /// The version to begin with.
    private func first(in range: VersionRange?, initial: VersionTag) throws(NextVersionError) -> VersionTag {
        var version = initial.version
        if let range, !range.admits(version) {
            guard let lowest = range.lowestRelease else {
                throw NextVersionError(
                    code: .emptyRange,
                    description: "there is no version in range \(range) and none to begin with: no release lies in it")
            }
            version = lowest
        }
        return try claim(
            version, hasPrefix: prefersPrefix ?? initial.hasPrefix, within: range, after: "the first version")
    }

    /// The tag of a version that is free and in the range.
    private func claim(
        _ version: SemanticVersion, hasPrefix: Bool, within range: VersionRange?, after step: String
    ) throws(NextVersionError) -> VersionTag {
        guard let tag = VersionTag(version: version, hasPrefix: hasPrefix) else {
            throw NextVersionError(
                code: .tooLong,
                description: "\(step) leads to a tag of more than \(VersionTag.maximumLength) characters")
        }
        let existing = existingTag(of: version)
        if let range, !range.admits(version) {
            throw NextVersionError(
                code: .outsideRange,
                description: "range \(range) has no room for \(step): \(tag) is outside"
                    + (existing == nil ? "" : " and exists already"))
        }
        if let existing {
            throw NextVersionError(
                code: .alreadyExists,
                description:
                    "\(step) leads to \(tag), which exists as tag \(existing) although it does not count as a version")
        }
        return tag
    }

    /// The prerelease that follows the highest version.
    private func nextPrerelease(
        after highest: SemanticVersion, identifier: [PrereleaseIdentifier]
    ) -> SemanticVersion {
        let candidate = prerelease(of: highest.release(after: .patch), identifier: identifier)
        if highest.precedes(candidate) { return candidate }
        // Another identifier, and a higher one: rc.1 leaves no room for beta.1.
        return prerelease(of: highest.core.release(after: .patch), identifier: identifier)
    }

    /// The prerelease of a release that is higher than all it has with the identifier, counted as versions or not.
    private func prerelease(of release: SemanticVersion, identifier: [PrereleaseIdentifier]) -> SemanticVersion {
        let existing = (versions + uncounted).lazy.map(\.version).filter {
            $0.core == release && $0.prerelease.starts(with: identifier)
        }
        guard let highest = existing.max() else {
            return release.with(identifier + [PrereleaseIdentifier(1)])
        }
        var identifiers = highest.prerelease
        for index in identifiers.indices.dropFirst(identifier.count).reversed() {
            guard let number = identifiers[index].number else { continue }
            identifiers[index] = PrereleaseIdentifier(number.incremented)
            return release.with(identifiers)
        }
        return release.with(identifiers + [PrereleaseIdentifier(1)])
    }

    private static func identifiers(in text: String) throws(NextVersionError) -> [PrereleaseIdentifier] {
        let pieces = text[...].pieces().map { PrereleaseIdentifier(String($0)) }
        let identifiers = pieces.compactMap(\.self)
        guard text.utf8.count <= maximumPrereleaseIdentifierLength, identifiers.count == pieces.count else {
            throw NextVersionError(
                code: .invalidPrereleaseIdentifier,
                description: "\(text.excerpt) is no prerelease identifier: it takes letters, digits and hyphens, parts "
                    + "separated by dots, no number with a leading zero, and at most "
                    + "\(maximumPrereleaseIdentifierLength) characters")
        }
        return identifiers
    }
}
