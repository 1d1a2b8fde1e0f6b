/// What a repository's tags say about its versions, whatever order they come in.
public struct VersionHistory: Hashable, Sendable {
    /// The tags that are versions, highest first.
    ///
    /// Where a version is tagged both with and without `v`, the spelling that the repository prefers comes first.
    public let versions: [VersionTag]

    /// All other tags, by name: those that are no version and those that the filter left out.
    public let otherTags: [String]

    /// Whether the repository's versions begin with `v`; nil without versions.
    ///
    /// The highest version says so. If it is tagged both ways, the next one that is not does; if none, they do.
    public let prefersPrefix: Bool?

    /// Tags that the filter left out although they spell a version: not counted, but not free either.
    let uncounted: [VersionTag]

    /// Sorts a repository's tags, each of which counts once.
    ///
    /// - Parameters:
    ///   - tags: The tags in any order.
    ///   - isCounted: Which of the tags that spell a version count as one; all by default.
    public init(tags: some Sequence<String>, where isCounted: (String) -> Bool = { _ in true }) {
        var counted: [VersionTag] = []
        var uncounted: [VersionTag] = []
        var others: [String] = []
        for tag in tags {
            guard let version = VersionTag(tag) else {
                others.append(tag)
                continue
            }
            if isCounted(tag) {
                counted.append(version)
            } else {
                uncounted.append(version)
                others.append(tag)
            }
        }
        counted = Self.descending(counted)
        prefersPrefix = Self.preferredPrefix(in: counted)
        versions = prefersPrefix == false ? Self.putUnprefixedFirst(counted) : counted
        otherTags = others.sorted().withoutRepeats
        self.uncounted = Self.descending(uncounted)
    }

    /// The highest version, in the spelling that the repository prefers, or nil if there is none.
    ///
    /// - Parameters:
    ///   - range: Where to look, everywhere if nil.
    ///   - prereleases: Which prereleases count.
    public func latest(in range: VersionRange?, prereleases: PrereleasePolicy) -> VersionTag? {
        versions.first { tag in
            range?.contains(tag.version, prereleases: prereleases)
                ?? (!tag.version.isPrerelease || prereleases == .included)
        }
    }

    /// The tag under which a version exists already, in either spelling and whether or not the filter counts it.
    public func existingTag(of version: SemanticVersion) -> VersionTag? {
        versions.first { $0.version == version } ?? uncounted.first { $0.version == version }
    }

    /// The tags from the highest on, each once.
    ///
    /// Small keys are sorted rather than the tags, each of which is several references to count at every move: that takes a
    /// fifth of the time. Where keys are equal the tags decide.
    private static func descending(_ tags: [VersionTag]) -> [VersionTag] {
        struct Key {
            let index: Int
            let major: UInt64
            // A number that may be too high for the key leaves what follows it to the comparison of the tags.
            var minor: UInt64 = 0
            var patch: UInt64 = 0

            init(_ index: Int, _ version: SemanticVersion) {
                self.index = index
                major = version.major.clamped
                if major < .max { minor = version.minor.clamped }
                if major < .max, minor < .max { patch = version.patch.clamped }
            }
        }
        let keys = tags.indices.map { Key($0, tags[$0].version) }
        return keys.sorted { left, right in
            if left.major != right.major { return left.major > right.major }
            if left.minor != right.minor { return left.minor > right.minor }
            if left.patch != right.patch { return left.patch > right.patch }
            return tags[left.index] > tags[right.index]
        }
        .map { tags[$0.index] }.withoutRepeats
    }

    /// The style of the first version, from the highest on, that is spelled one way only.
    private static func preferredPrefix(in descending: [VersionTag]) -> Bool? {
        var index = descending.startIndex
        while index < descending.endIndex {
            let next = index + 1
            guard next < descending.endIndex, descending[next].version == descending[index].version else {
                return descending[index].hasPrefix
            }
            index += 2
        }
        return descending.isEmpty ? nil : true
    }

    /// The same versions with each pair of spellings, which come with the prefixed one first, turned round.
    private static func putUnprefixedFirst(_ descending: [VersionTag]) -> [VersionTag] {
        var result = descending
        for index in result.indices.dropFirst() where result[index].version == result[index - 1].version {
            result.swapAt(index, index - 1)
        }
        return result
    }
}

extension Array where Element: Equatable {
    /// The elements but those that equal the one before.
    fileprivate var withoutRepeats: [Element] {
        var result: [Element] = []
        result.reserveCapacity(count)
        for element in self where element != result.last { result.append(element) }
        return result
    }
}
