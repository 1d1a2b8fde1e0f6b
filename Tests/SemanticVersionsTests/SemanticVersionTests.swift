import SemanticVersions
import Testing

@Suite struct SemanticVersionTests {
    // The examples that semver.org publishes for its suggested regular expression.
    @Test(arguments: [
        "0.0.4", "1.2.3", "10.20.30", "1.1.2-prerelease+meta", "1.1.2+meta", "1.1.2+meta-valid", "1.0.0-alpha",
        "1.0.0-beta", "1.0.0-alpha.beta", "1.0.0-alpha.beta.1", "1.0.0-alpha.1", "1.0.0-alpha0.valid",
        "1.0.0-alpha.0valid", "1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay", "1.0.0-rc.1+build.1",
        "2.0.0-rc.1+build.123", "1.2.3-beta", "10.2.3-DEV-SNAPSHOT", "1.2.3-SNAPSHOT-123", "1.0.0", "2.0.0", "1.1.7",
        "2.0.0+build.1848", "2.0.1-alpha.1227", "1.0.0-alpha+beta", "1.2.3----RC-SNAPSHOT.12.9.1--.12+788",
        "1.2.3----R-S.12.9.1--.12+meta", "1.2.3----RC-SNAPSHOT.12.9.1--.12", "1.0.0+0.build.1-rc.10000aaa-kk-0.1",
        "99999999999999999999999.999999999999999999.99999999999999999", "1.0.0-0A.is.legal",
        // Further ones from the clauses.
        "0.0.0", "1.0.0-0.3.7", "1.0.0-x.7.z.92", "1.0.0-x-y-z.--", "1.0.0-alpha+001", "1.0.0+20130313144700",
        "1.0.0+21AF26D3---117B344092BD", "1.0.0-99999999999999999999999", "2024.1.2",
    ])
    func `what the specification allows is read and printed unchanged`(text: String) throws {
        let version = try SemanticVersion(parsing: text)
        #expect(version.description == text)
        #expect(SemanticVersion(text) == version)
    }

    @Test(arguments: [
        "1", "1.2", "1.2.3-0123", "1.2.3-0123.0123", "1.1.2+.123", "+invalid", "-invalid", "-invalid+invalid",
        "-invalid.01", "alpha", "alpha.beta", "alpha.beta.1", "alpha.1", "alpha+beta", "alpha_beta", "alpha.",
        "alpha..",
        "beta", "1.0.0-alpha_beta", "-alpha.", "1.0.0-alpha..", "1.0.0-alpha..1", "1.0.0-alpha...1", "1.0.0-alpha....1",
        "1.0.0-alpha.....1", "1.0.0-alpha......1", "1.0.0-alpha.......1", "01.1.1", "1.01.1", "1.1.01", "1.2.3.DEV",
        "1.2-SNAPSHOT", "1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788", "1.2-RC-SNAPSHOT", "-1.0.3-gamma+b7718",
        "+justmeta", "9.8.7+meta+meta", "9.8.7-whatever+meta+meta",
        "99999999999999999999999.999999999999999999.99999999999999999----RC-SNAPSHOT.12.09.1------------------..12",
        // Further ones.
        "", " 1.2.3", "1.2.3 ", "1.2.3\n", "v1.2.3", "1.2.3.4", "1..3", ".1.2.3", "1.2.3-", "1.2.3+", "1.2.3-+b",
        "1.2.3-ä",
        "1.2.3+\u{301}", "1\u{301}.2.3", "١.2.3", "2024.01.02", "1.2.x",
    ])
    func `what the specification does not allow is refused`(text: String) {
        #expect(SemanticVersion(text) == nil)
        #expect(throws: SemanticVersionError.self) { try SemanticVersion(parsing: text) }
    }

    @Test(arguments: [
        ("", SemanticVersionError.Part.major, SemanticVersionError.Problem.missing),
        ("v1.2.3", .major, .unexpectedCharacter),
        ("01.2.3", .major, .leadingZero),
        ("1", .minor, .missing),
        ("1..3", .minor, .missing),
        ("1.02.3", .minor, .leadingZero),
        ("1.2", .patch, .missing),
        ("1.2-rc.1", .patch, .missing),
        ("1.2.x", .patch, .unexpectedCharacter),
        ("1.2.3.4", .patch, .unexpectedCharacter),
        ("1.2.3-", .prerelease, .emptyIdentifier),
        ("1.2.3-rc..1", .prerelease, .emptyIdentifier),
        ("1.2.3-rc.01", .prerelease, .leadingZero),
        ("1.2.3-rc_1", .prerelease, .unexpectedCharacter),
        ("1.2.3+", .buildMetadata, .emptyIdentifier),
        ("1.2.3+a+b", .buildMetadata, .unexpectedCharacter),
    ])
    func `the error says which part is wrong`(
        text: String, part: SemanticVersionError.Part, problem: SemanticVersionError.Problem
    ) throws {
        let error = try #require(throws: SemanticVersionError.self) { try SemanticVersion(parsing: text) }
        #expect(error.part == part)
        #expect(error.problem == problem)
        #expect(error.text == text)
    }

    @Test func `the error's sentence names text, part and problem, bounded and printable`() throws {
        let error = try #require(throws: SemanticVersionError.self) { try SemanticVersion(parsing: "1.02.3") }
        #expect(error.description == "'1.02.3' is no semantic version: its minor number has a leading zero")

        let long = "1.2.3-\u{1b}[31m\n" + String(repeating: "x", count: 10_000)
        let bounded = try #require(throws: SemanticVersionError.self) { try SemanticVersion(parsing: long) }
        #expect(bounded.description.utf8.count < 200)
        #expect(bounded.description.utf8.allSatisfy { (0x20...0x7e).contains($0) })
    }

    @Test func `the parts of a version are what was written`() throws {
        let version = try SemanticVersion(parsing: "1.20.300-rc.7.x+build.007")
        #expect(version.major == 1)
        #expect(version.minor == 20)
        #expect(version.patch == 300)
        #expect(version.prerelease.map(\.description) == ["rc", "7", "x"])
        #expect(version.prerelease.map(\.number) == [nil, 7, nil])
        #expect(version.buildMetadata == ["build", "007"])
        #expect(version.isPrerelease)
        #expect(!SemanticVersion(major: 1, minor: 20, patch: 300).isPrerelease)
    }

    // Clause 11.
    @Test(arguments: [
        [
            "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
            "1.0.0-rc.1", "1.0.0",
        ],
        ["1.0.0", "2.0.0", "2.1.0", "2.1.1"],
        ["1.9.0", "1.10.0", "1.11.0"],
        [
            "1.0.0-0", "1.0.0-1", "1.0.0-10", "1.0.0-99999999999999999999999", "1.0.0--", "1.0.0-0a", "1.0.0-A",
            "1.0.0-Z", "1.0.0-a",
        ],
        ["18446744073709551615.0.0", "18446744073709551616.0.0", "99999999999999999999999.0.0"],
        ["0.0.1", "0.1.0-rc.1", "0.1.0", "1.0.0-0"],
    ])
    func `precedence follows the specification's chains`(chain: [String]) throws {
        let versions = try chain.map { try SemanticVersion(parsing: $0) }
        for (lower, version) in versions.enumerated() {
            for (higher, other) in versions.enumerated() {
                #expect(version.precedes(other) == (lower < higher), "\(version) \(other)")
                #expect((version < other) == (lower < higher), "\(version) \(other)")
            }
        }
    }

    @Test func `build metadata does not count for precedence, but makes versions differ`() throws {
        let plain = try SemanticVersion(parsing: "1.0.0")
        let built = try SemanticVersion(parsing: "1.0.0+build.1")
        let other = try SemanticVersion(parsing: "1.0.0+build.2")
        for (left, right) in [(plain, built), (built, other)] {
            #expect(!left.precedes(right) && !right.precedes(left))
            #expect(left != right)
            #expect(left < right && !(right < left))
        }
        #expect(try built < SemanticVersion(parsing: "1.0.1-rc.1"))
    }

    @Test(arguments: 0..<10)
    func `the order is total and strict, and equality is equality of text`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let versions = try (0..<40).map { _ in
            try SemanticVersion(parsing: generator.versionText(withBuildMetadata: true, withLongNumbers: true))
        }
        for a in versions {
            for b in versions {
                let relations = [a < b, a == b, b < a].filter(\.self).count
                #expect(relations == 1, "exactly one of <, ==, > for \(a) and \(b)")
                #expect((a == b) == (a.description == b.description))
                #expect(!a.precedes(b) || a < b, "the order refines precedence for \(a) and \(b)")
                let outOfOrder = a < b ? versions.filter { b < $0 && !(a < $0) } : []
                #expect(outOfOrder.isEmpty, "\(a) < \(b), and \(b) is lower than these")
            }
        }
    }

    @Test(arguments: 0..<20)
    func `any text is refused or printed as it was read`(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let alphabet = Array("01289.-+vxaZ_ ")
        for _ in 0..<500 {
            var text = generator.versionText(withBuildMetadata: true, withLongNumbers: true)
            for _ in 0..<Int.random(in: 0...2, using: &generator) {
                let place = text.index(text.startIndex, offsetBy: Int.random(in: 0..<text.count, using: &generator))
                text.replaceSubrange(place...place, with: String(generator.pick(alphabet)))
            }
            if let version = SemanticVersion(text) { #expect(version.description == text) }
        }
    }

    @Test(
        arguments: [("rc", nil), ("0", 0), ("10", 10), ("1a", nil), ("-", nil), ("-1", nil)]
            as [(String, NumericIdentifier?)])
    func `a prerelease identifier of digits only is a number`(text: String, number: NumericIdentifier?) throws {
        #expect(try #require(PrereleaseIdentifier(text)).number == number)
    }

    @Test(arguments: ["", "01", "a.b", "a b", "ä", "a+b"])
    func `a malformed prerelease identifier is refused`(text: String) {
        #expect(PrereleaseIdentifier(text) == nil)
    }
}
