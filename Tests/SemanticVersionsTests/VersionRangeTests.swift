import SemanticVersions
import Testing

@Suite struct VersionRangeTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let range: String
        let inside: String
        let outside: String
        var prereleases = PrereleasePolicy.whereNamed

        init(_ range: String, has inside: String, hasNot outside: String, _ prereleases: PrereleasePolicy = .whereNamed)
        {
            self.range = range
            self.inside = inside
            self.outside = outside
            self.prereleases = prereleases
        }

        var testDescription: String { "\(range) (\(prereleases))" }
    }

    /// Each with versions right at its edges: npm's documented examples first, then what Masterminds/semver adds.
    static let cases = [
        // Primitive comparators.
        Case("1.2.3", has: "1.2.3", hasNot: "1.2.2 1.2.4 1.2.3-rc.1"),
        Case("=1.2.3", has: "1.2.3", hasNot: "1.2.4 1.2.3-beta"),
        Case("v1.2.3", has: "1.2.3", hasNot: "1.2.4"),
        Case("=v1.2.3", has: "1.2.3", hasNot: "1.2.4"),
        Case(">=1.2.7", has: "1.2.7 1.2.8 2.5.3 1.3.9", hasNot: "1.2.6 1.1.0 1.2.7-rc.1"),
        Case(">1.0.0", has: "1.0.1 1.1.0", hasNot: "1.0.0 0.1.0"),
        Case("<2.0.0", has: "1.9999.9999 0.2.9 0.0.0", hasNot: "2.0.0 2.2.9 2.0.0-rc.1"),
        Case("<=2.0.0", has: "2.0.0 1.9999.9999", hasNot: "2.0.1 3.0.0"),
        Case("<1.2.3", has: "1.2.2", hasNot: "1.2.3-beta"),
        Case(">= 1.0.0", has: "1.0.0", hasNot: "0.9.9"),
        Case(">=   1.0.0", has: "1.1.0", hasNot: "0.9.9"),
        Case("<\t2.0.0", has: "0.2.9", hasNot: "2.0.0"),
        Case("1.2.3+build", has: "1.2.3 1.2.3+other", hasNot: "1.2.4"),
        // Sets and alternatives.
        Case(">=1.2.7 <1.3.0", has: "1.2.7 1.2.8 1.2.99", hasNot: "1.2.6 1.3.0 1.1.0"),
        Case("1.2.7 || >=1.2.9 <2.0.0", has: "1.2.7 1.2.9 1.4.6", hasNot: "1.2.8 2.0.0"),
        Case(">=0.2.3||<0.0.1", has: "0.0.0 0.2.3 0.2.4", hasNot: "0.0.3 0.2.2"),
        Case(">=1 <2", has: "1.0.0 1.9.9", hasNot: "0.9.9 2.0.0"),
        Case(">=1.0.0, <2", has: "1.0.0 1.9.9", hasNot: "0.9.9 2.0.0"),
        Case(">=1.0.0,<2", has: "1.0.0 1.9.9", hasNot: "0.9.9 2.0.0"),
        Case(">= 1.2, < 3.0.0 || >= 4.2.3", has: "1.2.0 2.9.9 4.2.3", hasNot: "1.1.9 3.0.0 4.2.2"),
        Case("~1.2.1 >=1.2.3 1.2.3", has: "1.2.3", hasNot: "1.2.1 1.2.4"),
        Case("^1.2 ^1", has: "1.4.2", hasNot: "1.1.0 2.0.0"),
        Case(">2 <1", has: "", hasNot: "0.9.0 1.5.0 3.0.0"),
        // Hyphens.
        Case("1.2.3 - 2.3.4", has: "1.2.3 2.3.4", hasNot: "1.2.2 2.3.5"),
        Case("1.2 - 2.3.4", has: "1.2.0 2.3.4", hasNot: "1.1.9 2.3.5"),
        Case("1.2.3 - 2.3", has: "1.2.3 2.3.99", hasNot: "2.4.0"),
        Case("1.2.3 - 2", has: "1.2.3 2.99.0", hasNot: "3.0.0 1.2.2"),
        Case("x - 1.x", has: "0.0.0 1.9.7", hasNot: "2.0.0"),
        Case("1.0.0 - x", has: "1.0.0 9.9.9", hasNot: "0.9.9"),
        Case("v1.2  -\tv1.4.5", has: "1.2.0 1.4.5", hasNot: "1.4.6"),
        Case("1 - 2 || 4 - 5", has: "1.0.0 2.9.9 4.0.0", hasNot: "3.0.0 6.0.0"),
        Case("1.2.3-2.3.4", has: "1.2.3-2.3.4", hasNot: "1.2.3 2.0.0"),
        Case("1.2.3-pre - 2.4.3-pre", has: "1.2.3 1.2.3-pre.2 2.4.3-alpha", hasNot: "2.4.3 1.2.3-alpha 2.0.0-rc.1"),
        // X-ranges.
        Case("*", has: "0.0.0 1.2.3", hasNot: "1.2.3-foo"),
        Case("", has: "1.0.0", hasNot: "1.0.0-rc.1"),
        Case("  ", has: "1.0.0", hasNot: "1.0.0-rc.1"),
        Case("x", has: "1.2.3", hasNot: "1.2.3-foo"),
        Case(">=*", has: "0.2.4", hasNot: "0.2.4-rc.1"),
        Case("1.x", has: "1.0.0 1.9.9", hasNot: "0.9.9 2.0.0"),
        Case("1.*", has: "1.0.0 1.9.9", hasNot: "2.0.0"),
        Case("1.X.x", has: "1.0.0 1.9.9", hasNot: "2.0.0"),
        Case("1.2.x", has: "1.2.0 1.2.3", hasNot: "1.1.9 1.3.0"),
        Case("1", has: "1.0.0 1.9.9", hasNot: "2.0.0"),
        Case("v1", has: "1.0.0 1.9.9", hasNot: "2.0.0"),
        Case("1.2", has: "1.2.0 1.2.9", hasNot: "1.3.0"),
        Case("1.2.x || 2.x", has: "1.2.3 2.1.3", hasNot: "1.1.3 3.1.3"),
        Case("=0.7.x", has: "0.7.2", hasNot: "0.8.2 0.7.0-asdf"),
        Case(">=0.7.x", has: "0.7.0 0.8.2", hasNot: "0.6.2 0.7.0-asdf"),
        Case("<=0.7.x", has: "0.7.2 0.6.2", hasNot: "0.8.0"),
        Case("<0.7.x", has: "0.6.9", hasNot: "0.7.0 0.7.2"),
        Case(">1.2", has: "1.3.0", hasNot: "1.2.8 1.3.0-beta"),
        Case(">1", has: "2.0.0", hasNot: "1.9.9"),
        Case("<1.2", has: "1.1.1", hasNot: "1.2.0"),
        Case("<=7.x", has: "7.9.9", hasNot: "8.0.0"),
        Case(">X", has: "", hasNot: "0.0.0 9.9.9"),
        Case("<X", has: "", hasNot: "0.0.0 9.9.9"),
        // Tildes.
        Case("~1.2.3", has: "1.2.3 1.2.9", hasNot: "1.2.2 1.3.0"),
        Case("~1.2", has: "1.2.0 1.2.9", hasNot: "1.1.9 1.3.0"),
        Case("~1", has: "1.0.0 1.9.9", hasNot: "0.2.3 2.0.0"),
        Case("~0.2.3", has: "0.2.3 0.2.9", hasNot: "0.2.2 0.3.0"),
        Case("~0", has: "0.0.0 0.9.9", hasNot: "1.0.0"),
        Case("~0.0.1", has: "0.0.1 0.0.2", hasNot: "0.1.0-alpha 0.1.0"),
        Case("~x", has: "0.0.9 9.9.9", hasNot: "0.0.9-rc.1"),
        Case("~1.2.3-beta.2", has: "1.2.3-beta.2 1.2.3-beta.4 1.2.4", hasNot: "1.2.3-beta.1 1.2.4-beta.2 1.3.0"),
        Case("~v0.5.4-beta", has: "0.5.4 0.5.5", hasNot: "0.5.4-alpha 0.6.0"),
        Case("~ 1.0.3", has: "1.0.12", hasNot: "1.1.0"),
        Case("~> 1.2", has: "1.2.0 1.2.9", hasNot: "1.3.0"),
        Case("~>3.2.1", has: "3.2.2", hasNot: "3.3.2 3.2.0"),
        Case("~1.2.x", has: "1.2.0", hasNot: "1.3.0"),
        // Carets.
        Case("^1.2.3", has: "1.2.3 1.8.1", hasNot: "1.2.2 2.0.0 1.2.3-beta 2.0.0-alpha"),
        Case("^1.2", has: "1.2.0 1.4.2", hasNot: "1.1.9 2.0.0 1.2.0-pre"),
        Case("^0.2.3", has: "0.2.3 0.2.9", hasNot: "0.2.2 0.3.0"),
        Case("^0.0.3", has: "0.0.3", hasNot: "0.0.2 0.0.4"),
        Case("^0.0.0", has: "0.0.0", hasNot: "0.0.1"),
        Case("^1.2.3-beta.2", has: "1.2.3-beta.2 1.2.3-beta.4 1.9.0", hasNot: "1.2.3-beta.1 1.2.4-beta.2 2.0.0"),
        Case("^0.0.3-beta", has: "0.0.3-beta 0.0.3-pr.2 0.0.3", hasNot: "0.0.4 0.0.3-alpha"),
        Case("^1.2.x", has: "1.2.0 1.9.0", hasNot: "2.0.0 1.1.9"),
        Case("^0.0.x", has: "0.0.0 0.0.9", hasNot: "0.1.0"),
        Case("^0.0", has: "0.0.0 0.0.9", hasNot: "0.1.0"),
        Case("^0.1", has: "0.1.0 0.1.9", hasNot: "0.2.0"),
        Case("^1.x", has: "1.0.0 1.9.0", hasNot: "2.0.0"),
        Case("^0.x", has: "0.0.0 0.9.0", hasNot: "1.0.0"),
        Case("^ 1", has: "1.0.0", hasNot: "2.0.0"),
        Case("^x", has: "1.2.3", hasNot: "1.2.3-rc.1"),
        Case("^1.2.3+build", has: "1.2.3 1.3.0", hasNot: "2.0.0 1.2.0"),
        Case("^18446744073709551616.1", has: "18446744073709551616.2.0", hasNot: "18446744073709551617.0.0"),
        // Exclusions.
        Case("!=1.2.3", has: "1.2.2 1.2.4", hasNot: "1.2.3 1.2.2-rc.1"),
        Case("1.x !=1.2.3", has: "1.2.2 1.2.4", hasNot: "1.2.3 2.0.0"),
        Case("1.x, != 1.2", has: "1.1.9 1.3.0", hasNot: "1.2.0 1.2.9"),
        Case("!=1.x", has: "0.9.9 2.0.0", hasNot: "1.0.0 1.9.9"),
        Case("!=*", has: "", hasNot: "0.0.0 1.0.0"),
        Case("!=1.2.3-rc.1", has: "1.2.3", hasNot: "1.2.3-rc.1 1.2.3-rc.2"),
        // Prereleases by policy.
        Case(">1.2.3-alpha.3", has: "1.2.3-alpha.7 1.2.3 3.4.5", hasNot: "1.2.3-alpha.3 3.4.5-alpha.9"),
        Case(">1.2.3-alpha.3", has: "1.2.3-alpha.7 1.2.3-alpha.3.0 3.4.5-alpha.9", hasNot: "1.2.3-alpha.3", .included),
        Case(">1.2.3-alpha.3", has: "1.2.3 3.4.5", hasNot: "1.2.3-alpha.7 3.4.5-alpha.9", .excluded),
        Case("1.2.3-rc.1", has: "1.2.3-rc.1", hasNot: "1.2.3-rc.1.0 1.2.3-rc.2 1.2.3"),
        Case("1.2.3-rc.1", has: "", hasNot: "1.2.3-rc.1 1.2.3", .excluded),
        Case("<=1.2.3-rc.1", has: "1.2.3-rc.1 1.2.3-beta 1.2.2", hasNot: "1.2.3-rc.1.0 1.2.3 1.2.2-rc.1"),
        Case("1.0.0-rc.1 || 2.x", has: "1.0.0-rc.1 2.0.0", hasNot: "2.0.0-rc.1 1.0.0"),
        Case("2.x", has: "2.0.0-pre.0 2.1.0-pre.0", hasNot: "3.0.0-pre.0", .included),
        Case("*", has: "1.0.0-rc1 0.0.0-0", hasNot: "", .included),
        Case("^1.0.0", has: "1.0.1-rc1 1.1.0-rc1", hasNot: "1.0.0-rc1 2.0.0-rc1", .included),
        Case("^1.0.0-rc2", has: "1.0.1-rc1 1.0.0-rc2", hasNot: "1.0.0-rc1 2.0.0", .included),
        Case("<2.0.0", has: "2.0.0-rc.1", hasNot: "2.0.0", .included),
        Case("<2", has: "1.9.9", hasNot: "2.0.0-rc.1 2.0.0", .included),
        Case("1.0.0 - 2.0.0", has: "1.0.0-rc.1 2.0.0", hasNot: "2.0.1-rc.1", .included),
        Case("!=1.2", has: "1.1.0-rc.1 1.3.0-0", hasNot: "1.2.0-0 1.2.5-rc.1", .included),
    ]

    @Test(arguments: cases)
    func `a range has exactly the versions it stands for`(_ example: Case) throws {
        let range = try VersionRange(parsing: example.range)
        for text in example.inside.split(separator: " ") {
            let version = try SemanticVersion(parsing: String(text))
            #expect(range.contains(version, prereleases: example.prereleases), "\(version)")
        }
        for text in example.outside.split(separator: " ") {
            let version = try SemanticVersion(parsing: String(text))
            #expect(!range.contains(version, prereleases: example.prereleases), "\(version)")
        }
    }

    @Test(arguments: [
        ("||", 0, "a version is missing"),
        ("1.x ||", 6, "a version is missing"),
        ("|| 1.x", 0, "a version is missing"),
        ("1.x | 2.x", 4, "a version is missing"),
        ("1.x|2.x", 3, "a space, a comma or '||' is missing"),
        (">=", 2, "a version is missing"),
        (">=1,", 4, "a version is missing"),
        (",1", 0, "a version is missing"),
        (">=1,,<2", 4, "a version is missing"),
        (">=1<2", 3, "a space, a comma or '||' is missing"),
        ("=>1", 0, "'=>' is no operator; there are = != > >= < <= ~ ~> ^"),
        (">=1 <<2", 4, "'<<' is no operator; there are = != > >= < <= ~ ~> ^"),
        (">= >1", 3, "a version is missing"),
        ("latest", 0, "the major number of 'latest' has a character that cannot stand there"),
        (">=1 <foo", 5, "the major number of 'foo' has a character that cannot stand there"),
        (">01.02.03", 1, "the major number of '01.02.03' has a leading zero"),
        ("1.02", 0, "the minor number of '1.02' has a leading zero"),
        ("1.", 0, "the minor number of '1.' is missing"),
        ("1.2.3.4", 0, "the patch number of '1.2.3.4' has a character that cannot stand there"),
        ("~1.2.3beta", 1, "the patch number of '1.2.3beta' has a character that cannot stand there"),
        ("^1.2.3-01", 1, "the prerelease of '1.2.3-01' has a leading zero"),
        ("1.2.3+", 0, "the build metadata of '1.2.3+' has an empty identifier"),
        ("V1", 0, "the major number of 'V1' has a character that cannot stand there"),
        ("vv1", 0, "the major number of 'vv1' has a character that cannot stand there"),
        ("1.x.3", 0, "'1.x.3' has a number after a wildcard"),
        ("*.1", 0, "'*.1' has a number after a wildcard"),
        (">=1.2-0", 2, "'1.2-0' needs three numbers before a prerelease or build metadata"),
        ("1.2.x-rc.1", 0, "'1.2.x-rc.1' needs three numbers before a prerelease or build metadata"),
        ("1.2 -2.3", 5, "a hyphen between two versions needs space on both sides"),
        ("1.2 - ", 6, "a version is missing"),
        ("1.2 - >=2", 6, "a version is missing"),
        (">=1.2 - 2", 6, "the major number of '-' is missing"),
        ("1.x\n", 0, "the minor number of '1.x?' has a character that cannot stand there"),
        ("1\u{a0}2", 0, "the major number of '1?2' has a character that cannot stand there"),
    ])
    func `a malformed range is refused with place and reason`(text: String, offset: Int, reason: String) throws {
        let error = try #require(throws: VersionRangeError.self) { try VersionRange(parsing: text) }
        #expect(error.text == text)
        #expect(error.offset == offset)
        #expect(error.reason == reason)
    }

    @Test func `the error's sentence counts places from one`() throws {
        let error = try #require(throws: VersionRangeError.self) { try VersionRange(parsing: ">=1 <<2") }
        #expect(
            error.description
                == "'>=1 <<2' is no version range: at character 5, '<<' is no operator; there are = != > >= < <= ~ ~> ^"
        )
    }

    @Test func `a range has at most 256 characters`() throws {
        let longest = String(repeating: "1 || ", count: 50) + "1.2.33"
        #expect(longest.count == 256)
        _ = try VersionRange(parsing: longest)
        let error = try #require(throws: VersionRangeError.self) { try VersionRange(parsing: longest + "3") }
        #expect(error.offset == 256)
        #expect(error.description.utf8.count < 200)
    }

    @Test(arguments: [("1.x", "1.x"), ("  >=1  <2\t", ">=1  <2"), ("", "*"), (" \t", "*")])
    func `a range prints as it was written`(text: String, printed: String) throws {
        let range = try VersionRange(parsing: text)
        #expect(range.description == printed)
        #expect(try VersionRange(parsing: printed) == range)
    }

    @Test(arguments: 0..<20)
    func `membership agrees with comparing by precedence`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let operators: [(String, (SemanticVersion, SemanticVersion) -> Bool)] = [
            ("<", { $0.precedes($1) }), (">", { $1.precedes($0) }), ("<=", { !$1.precedes($0) }),
            (">=", { !$0.precedes($1) }), ("=", { !$0.precedes($1) && !$1.precedes($0) }),
            ("!=", { $0.precedes($1) || $1.precedes($0) }),
        ]
        for _ in 0..<50 {
            let alternatives = try (0..<Int.random(in: 1...2, using: &generator)).map { _ in
                try (0..<Int.random(in: 1...3, using: &generator)).map { _ in
                    (generator.pick(operators), try SemanticVersion(parsing: generator.versionText()))
                }
            }
            let text = alternatives.map { $0.map { "\($0.0)\($1)" }.joined(separator: " ") }.joined(separator: " || ")
            let range = try VersionRange(parsing: text)
            for _ in 0..<15 {
                let version = try SemanticVersion(parsing: generator.versionText(withBuildMetadata: true))
                let expected = alternatives.contains {
                    $0.allSatisfy { comparison, bound in comparison.1(version, bound) }
                }
                #expect(range.contains(version, prereleases: .included) == expected, "\(text) \(version)")
                #expect(
                    range.contains(version, prereleases: .excluded) == (expected && !version.isPrerelease),
                    "\(text) \(version)")
            }
        }
    }
}
