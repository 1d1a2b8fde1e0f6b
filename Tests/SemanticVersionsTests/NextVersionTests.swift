import SemanticVersions
import Testing

@Suite struct NextVersionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let tags: String
        let bump: Bump
        let range: String?
        let identifier: String
        let next: String

        init(_ tags: String, _ bump: Bump, in range: String? = nil, identifier: String = "rc", is next: String) {
            self.tags = tags
            self.bump = bump
            self.range = range
            self.identifier = identifier
            self.next = next
        }

        var testDescription: String { "\(bump) of [\(tags)] in \(range ?? "no range") is \(next)" }
    }

    static func next(
        _ bump: Bump, of tags: String, in range: String? = nil, identifier: String = "rc", initial: String = "v1.0.0",
        where isCounted: (String) -> Bool = { _ in true }
    ) throws -> VersionTag {
        let history = VersionHistory(tags: tags.split(separator: " ").map(String.init), where: isCounted)
        let range = try range.map { try VersionRange(parsing: $0) }
        return try history.next(
            bump, in: range, prereleaseIdentifier: identifier, initial: #require(VersionTag(initial)))
    }

    static let releases = [
        // The highest release, whatever else there is.
        Case("v1.2.3 v1.10.0 v1.9.9 latest", .patch, is: "v1.10.1"),
        Case("v1.2.3", .minor, is: "v1.3.0"),
        Case("v1.2.3", .major, is: "v2.0.0"),
        Case("v0.2.3", .major, is: "v1.0.0"),
        Case("v1.2.3 v1.3.0-rc.1", .patch, is: "v1.2.4"),
        Case("v1.2.3 v1.3.0-rc.1", .minor, is: "v1.3.0"),
        Case("v1.2.3 v2.0.0-rc.1", .major, is: "v2.0.0"),
        Case("v1.18446744073709551615.0", .minor, is: "v1.18446744073709551616.0"),
        // Only prereleases.
        Case("v1.0.0-rc.2 v1.0.0-rc.1", .patch, is: "v1.0.0"),
        Case("v1.0.0-rc.2", .minor, is: "v1.0.0"),
        Case("v1.0.0-rc.2", .major, is: "v1.0.0"),
        Case("v1.2.0-rc.1", .patch, is: "v1.2.0"),
        Case("v1.2.0-rc.1", .minor, is: "v1.2.0"),
        Case("v1.2.0-rc.1", .major, is: "v2.0.0"),
        Case("v1.2.3-rc.1", .patch, is: "v1.2.3"),
        Case("v1.2.3-rc.1", .minor, is: "v1.3.0"),
        Case("v1.2.3-rc.1", .major, is: "v2.0.0"),
        Case("v1.0.3-rc.1", .major, is: "v2.0.0"),
        // The prefix is kept as the base has it.
        Case("1.2.3", .patch, is: "1.2.4"),
        Case("v1.2.3 1.2.3", .patch, is: "v1.2.4"),
        Case("v1.2.3 1.2.3 1.2.2", .patch, is: "1.2.4"),
        Case("v2.0.0 1.4.2", .patch, in: "1.x", is: "1.4.3"),
        // Within a range.
        Case("v1.4.2 v2.0.0", .patch, in: "1.x", is: "v1.4.3"),
        Case("v1.4.2 v2.0.0", .minor, in: "1.x", is: "v1.5.0"),
        Case("v1.2.7 v1.3.0", .patch, in: "~1.2", is: "v1.2.8"),
        Case("v1.4.2 v2.0.0-rc.1", .minor, in: "<2.0.0", is: "v1.5.0"),
        Case("v1.0.0-rc.1", .patch, in: "^1.0.0", is: "v1.0.0"),
        Case("v1.0.0 v3.0.0", .major, in: "<3", is: "v2.0.0"),
        // Nothing to begin with.
        Case("", .patch, is: "v1.0.0"),
        Case("latest sha-abc", .major, is: "v1.0.0"),
        Case("v2.0.0", .patch, in: "1.x", is: "v1.0.0"),
        Case("v1.0.0", .patch, in: "2.x", is: "v2.0.0"),
        Case("1.0.0", .patch, in: "2.x", is: "2.0.0"),
        Case("", .patch, in: "0.x", is: "v0.0.0"),
        Case("", .patch, in: ">1.2.3 <2", is: "v1.2.4"),
        Case("", .patch, in: ">=3.1.0-rc.1 <4", is: "v3.1.0"),
        Case("", .patch, in: "5.x || 3.x || 4.x", is: "v3.0.0"),
        Case("", .patch, in: "2.x !=2.0 !=2.1.0", is: "v2.1.1"),
        Case("v2.0.0 v3.0.0", .patch, in: "!=2 !=3 !=1", is: "v0.0.0"),
        Case("v1.0.0", .patch, in: ">=1.0.1 <=1.0.1", is: "v1.0.1"),
    ]

    static let prereleases = [
        Case("v1.2.0-rc.1", .prerelease, is: "v1.2.0-rc.2"),
        Case("v1.2.0-rc.9 v1.2.0-rc.10", .prerelease, is: "v1.2.0-rc.11"),
        Case("v1.1.0 v1.2.0-rc.1", .prerelease, is: "v1.2.0-rc.2"),
        Case("v1.2.0", .prerelease, is: "v1.2.1-rc.1"),
        Case("v1.2.0 v1.2.0-rc.5", .prerelease, is: "v1.2.1-rc.1"),
        Case("1.2.0-rc", .prerelease, is: "1.2.0-rc.1"),
        Case("v1.2.0-rc.beta", .prerelease, is: "v1.2.0-rc.beta.1"),
        Case("v1.2.0-rc.9.beta", .prerelease, is: "v1.2.0-rc.10.beta"),
        Case("v1.2.0-rc.1.2.x", .prerelease, is: "v1.2.0-rc.1.3.x"),
        Case("v1.2.0-rc.18446744073709551615", .prerelease, is: "v1.2.0-rc.18446744073709551616"),
        // Another identifier: the same numbers if that is higher, else the next patch.
        Case("v1.2.0-beta.3", .prerelease, is: "v1.2.0-rc.1"),
        Case("v1.2.0-rc.1", .prerelease, identifier: "beta", is: "v1.2.1-beta.1"),
        Case("v1.2.0-beta.3 v1.2.0-alpha.7", .prerelease, identifier: "alpha", is: "v1.2.1-alpha.1"),
        Case("v1.2.0-rc1", .prerelease, is: "v1.2.1-rc.1"),
        Case("v1.2.0-1", .prerelease, is: "v1.2.0-rc.1"),
        // Identifiers of several parts, and of a number.
        Case("v1.2.0-pr.12.4", .prerelease, identifier: "pr.12", is: "v1.2.0-pr.12.5"),
        Case("v1.2.0-pr.12.4", .prerelease, identifier: "pr.13", is: "v1.2.0-pr.13.1"),
        Case("v1.2.0-pr.12.4", .prerelease, identifier: "pr.2", is: "v1.2.1-pr.2.1"),
        Case("v1.2.0-1.1", .prerelease, identifier: "1", is: "v1.2.0-1.2"),
        Case("v1.2.0-1", .prerelease, identifier: "1", is: "v1.2.0-1.1"),
        // Ranges.
        Case("v1.4.2 v2.0.0", .prerelease, in: "1.x", is: "v1.4.3-rc.1"),
        Case("v1.4.3-rc.1 v1.4.2 v2.0.0", .prerelease, in: "1.x", is: "v1.4.3-rc.2"),
        Case("v1.4.2 v2.0.0-rc.1", .prerelease, in: "<2.0.0", is: "v1.4.3-rc.1"),
        Case("v1.2.0-rc.2 v1.2.0-rc.3", .prerelease, in: "1.x !=1.2.0-rc.3", is: "v1.2.0-rc.4"),
        Case("v1.2.0-rc.2", .prerelease, in: ">=1.2.0-rc.1 <1.2.0", is: "v1.2.0-rc.3"),
        Case("", .prerelease, is: "v1.0.0"),
    ]

    @Test(arguments: releases + prereleases)
    func `the next version follows from tags, bump and range`(_ example: Case) throws {
        let next = try Self.next(
            example.bump, of: example.tags, in: example.range, identifier: example.identifier)
        #expect(next.tag == example.next)
    }

    @Test(
        arguments: [
            (
                "v1.4.2 v2.0.0", .major, "1.x",
                "range 1.x has no room for a major bump of v1.4.2: v2.0.0 is outside and exists already"
            ),
            ("v1.4.2", .major, "1.x", "range 1.x has no room for a major bump of v1.4.2: v2.0.0 is outside"),
            ("v1.4.2", .patch, "<=1.4.2", "range <=1.4.2 has no room for a patch bump of v1.4.2: v1.4.3 is outside"),
            (
                "v1.2.3 v1.3.0", .minor, "1.2.x",
                "range 1.2.x has no room for a minor bump of v1.2.3: v1.3.0 is outside and exists already"
            ),
            (
                "v1.4.2", .patch, "1.x !=1.4.3",
                "range 1.x !=1.4.3 has no room for a patch bump of v1.4.2: v1.4.3 is outside"
            ),
            (
                "v1.4.2", .prerelease, "<=1.4.2",
                "range <=1.4.2 has no room for a prerelease bump of v1.4.2: v1.4.3-rc.1 is outside"
            ),
            (
                "v1.9.0 v2.0.0-rc.1", .major, "<2.0.0",
                "range <2.0.0 has no room for a major bump of v1.9.0: v2.0.0 is outside"
            ),
            (
                "v1.2.0-rc.1", .patch, ">=1.2.0-rc.1 <1.2.0",
                "range >=1.2.0-rc.1 <1.2.0 has no room for a patch bump of v1.2.0-rc.1: v1.2.0 is outside"
            ),
        ] as [(String, Bump, String, String)])
    func `a bump that a range has no room for is refused with the reason`(
        tags: String, bump: Bump, range: String, reason: String
    ) throws {
        let error = try #require(throws: NextVersionError.self) { try Self.next(bump, of: tags, in: range) }
        #expect(error.code == .outsideRange)
        #expect(error.description == reason)
    }

    @Test(arguments: [">2 <1", "!=*", ">*", "1.2.3-rc.1", ">=1.2.0-rc.1 <1.2.0"])
    func `a range without a release gives no first version`(range: String) throws {
        let error = try #require(throws: NextVersionError.self) { try Self.next(.patch, of: "", in: range) }
        #expect(error.code == .emptyRange)
        #expect(error.description.contains(range))
    }

    @Test func `a version that the filter leaves out is not handed out again`() throws {
        let onlyPrefixed: (String) -> Bool = { $0.hasPrefix("v1") }
        let error = try #require(throws: NextVersionError.self) {
            try Self.next(.patch, of: "v1.0.0 1.0.1", where: onlyPrefixed)
        }
        #expect(error.code == .alreadyExists)
        #expect(error.description.contains("leads to v1.0.1, which exists as tag 1.0.1"))
        #expect(throws: NextVersionError.self) { try Self.next(.major, of: "v1.0.0 v2.0.0", where: onlyPrefixed) }
        #expect(throws: NextVersionError.self) { try Self.next(.patch, of: "1.0.0 latest", where: onlyPrefixed) }
        // Prereleases are counted up past those that the filter leaves out.
        let prerelease = try Self.next(.prerelease, of: "v1.0.0 v1.0.1-rc.4") { !$0.contains("-") }
        #expect(prerelease.tag == "v1.0.1-rc.5")
    }

    @Test(arguments: [
        "", ".", "rc.", ".rc", "rc..1", "rc.01", "01", "r c", "rc_1", "rc+1", "ä", String(repeating: "a", count: 65),
    ])
    func `a malformed prerelease identifier is refused for every bump`(identifier: String) throws {
        for bump in Bump.allCases {
            let error = try #require(throws: NextVersionError.self) {
                try Self.next(bump, of: "v1.0.0", identifier: identifier)
            }
            #expect(error.code == .invalidPrereleaseIdentifier)
        }
    }

    @Test(arguments: ["rc", "alpha", "rc.1", "0", "x-y-z.--", String(repeating: "a", count: 64)])
    func `a well-formed prerelease identifier is used as it is`(identifier: String) throws {
        #expect(try Self.next(.prerelease, of: "v1.0.0", identifier: identifier).tag == "v1.0.1-\(identifier).1")
    }

    @Test func `a version too long for a tag is refused`() throws {
        let digits = String(repeating: "9", count: 123)
        let error = try #require(throws: NextVersionError.self) { try Self.next(.major, of: "v\(digits).0.0") }
        #expect(error.code == .tooLong)
    }

    @Test func `the initial version and its prefix are the operator's`() throws {
        #expect(try Self.next(.patch, of: "", initial: "0.1.0").tag == "0.1.0")
        #expect(try Self.next(.patch, of: "", in: "3.x", initial: "0.1.0").tag == "3.0.0")
        #expect(try Self.next(.patch, of: "", initial: "v1.0.0-rc.1").tag == "v1.0.0-rc.1")
    }

    static let ranges: [String?] = [
        nil, nil, "*", "1.x", "^1.2", "~1.0", "<2.0.0", "<=2.0.0", "1.0.0 - 2.1", ">=2.0.0-rc.1", "0.x || 2.x", "!=1",
        "<2 !=1.9",
    ]

    @Test(arguments: 0..<60)
    func `whatever the tags, the next version is new, higher, in the range and independent of their order`(seed: UInt64)
        throws
    {
        var generator = SplitMix64(seed: seed)
        let initial = try #require(VersionTag("v1.0.0"))
        for _ in 0..<20 {
            var tags = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
                generator.pick(["v", ""]) + generator.versionText()
            }
            let range = try generator.pick(Self.ranges).map { try VersionRange(parsing: $0) }
            let bump = generator.pick(Bump.allCases)
            let identifier = generator.pick(["rc", "beta", "alpha", "rc.x"])

            releasing: for _ in 0..<4 {
                let history = VersionHistory(tags: tags)
                let outcome = Self.outcome(history, bump, range, identifier, initial)
                let shuffled = VersionHistory(tags: tags.shuffled(using: &generator))
                #expect(Self.outcome(shuffled, bump, range, identifier, initial) == outcome)

                let next: VersionTag
                switch outcome {
                case .success(let tag): next = tag
                case .failure(let error):
                    #expect(range != nil, "without a range there is always a next version: \(error)")
                    #expect(error.code == .outsideRange)
                    break releasing
                }
                #expect(!history.versions.contains { $0.version == next.version }, "\(next) is new in \(tags)")
                if let range {
                    #expect(range.contains(next.version, prereleases: .included), "\(next) is in \(range)")
                }
                if let base = Self.base(of: bump, history, range) {
                    #expect(base.version < next.version, "\(next) is above \(base)")
                    #expect(base.hasPrefix == next.hasPrefix)
                    #expect(next.version.isPrerelease == (bump == .prerelease))
                }
                if bump == .prerelease, next.version.isPrerelease {
                    for existing in history.versions
                    where Self.isSibling(existing.version, of: next.version, identifier) {
                        #expect(existing.version < next.version, "\(next) is above \(existing)")
                    }
                }
                tags.append(next.tag)
            }
        }
    }

    private static func outcome(
        _ history: VersionHistory, _ bump: Bump, _ range: VersionRange?, _ identifier: String, _ initial: VersionTag
    ) -> Result<VersionTag, NextVersionError> {
        Result { () throws(NextVersionError) in
            try history.next(bump, in: range, prereleaseIdentifier: identifier, initial: initial)
        }
    }

    /// What is bumped, found without the code under test: a prerelease is in a range if its release is.
    private static func base(of bump: Bump, _ history: VersionHistory, _ range: VersionRange?) -> VersionTag? {
        let candidates = history.versions.filter { tag in
            guard let range else { return true }
            let version = tag.version
            let release = SemanticVersion(major: version.major, minor: version.minor, patch: version.patch)
            return range.contains(version, prereleases: .whereNamed)
                || range.contains(version, prereleases: .included) && range.contains(release, prereleases: .excluded)
        }
        if bump == .prerelease { return candidates.first }
        return candidates.first { !$0.version.isPrerelease } ?? candidates.first
    }

    private static func isSibling(_ version: SemanticVersion, of other: SemanticVersion, _ identifier: String) -> Bool {
        let identifiers = identifier.split(separator: ".").map(String.init)
        return version.major == other.major && version.minor == other.minor && version.patch == other.patch
            && version.prerelease.map(\.description).starts(with: identifiers)
    }
}
