import SemanticVersions
import Testing

@Suite struct VersionHistoryTests {
    @Test func `versions come highest first, other tags by name`() {
        let history = VersionHistory(tags: [
            "latest", "v1.9.0", "sha-abc", "v1.10.0", "1.2", "v1.10.0-rc.1", "2024.01.02", "01.2.3", "v2.0.0-beta.1",
            "v0.1.0",
        ])
        #expect(history.versions.map(\.tag) == ["v2.0.0-beta.1", "v1.10.0", "v1.10.0-rc.1", "v1.9.0", "v0.1.0"])
        #expect(history.otherTags == ["01.2.3", "1.2", "2024.01.02", "latest", "sha-abc"])
        #expect(history.prefersPrefix == true)
    }

    @Test(
        arguments: [
            (["v1.0.0", "1.0.0", "v0.9.0"], ["v1.0.0", "1.0.0", "v0.9.0"], true),
            (["v1.0.0", "1.0.0", "0.9.0"], ["1.0.0", "v1.0.0", "0.9.0"], false),
            (["v1.0.0", "1.0.0", "2.0.0"], ["2.0.0", "1.0.0", "v1.0.0"], false),
            (["v1.0.0", "1.0.0", "v2.0.0"], ["v2.0.0", "v1.0.0", "1.0.0"], true),
            (["v1.0.0", "1.0.0"], ["v1.0.0", "1.0.0"], true),
            (
                ["v2.0.0", "2.0.0", "v1.0.0", "1.0.0", "0.1.0", "v0.0.1"],
                ["2.0.0", "v2.0.0", "1.0.0", "v1.0.0", "0.1.0", "v0.0.1"], false
            ),
            (["1.0.0", "1.0.0"], ["1.0.0"], false),
            (["latest"], [], nil),
            ([], [], nil),
        ] as [([String], [String], Bool?)])
    func `of equal versions the repository's own spelling comes first`(
        tags: [String], versions: [String], prefersPrefix: Bool?
    ) {
        for order in [tags, tags.reversed(), tags.sorted()] {
            let history = VersionHistory(tags: order)
            #expect(history.versions.map(\.tag) == versions)
            #expect(history.prefersPrefix == prefersPrefix)
            #expect(history.latest(in: nil, prereleases: .excluded)?.tag == versions.first)
        }
    }

    @Test func `a filter decides which versions count, and those that do not are still listed and taken`() throws {
        let history = VersionHistory(tags: ["v1.0.0", "2024.1.2", "1.5.0", "latest"]) { $0.hasPrefix("v") }
        #expect(history.versions.map(\.tag) == ["v1.0.0"])
        #expect(history.otherTags == ["1.5.0", "2024.1.2", "latest"])
        #expect(history.existingTag(of: try SemanticVersion(parsing: "1.5.0"))?.tag == "1.5.0")
        #expect(history.existingTag(of: try SemanticVersion(parsing: "1.0.0"))?.tag == "v1.0.0")
        #expect(history.existingTag(of: try SemanticVersion(parsing: "1.6.0")) == nil)
    }

    @Test(
        arguments: [
            (nil, .excluded, "v2.0.0"), (nil, .included, "v2.1.0-rc.1"), (nil, .whereNamed, "v2.0.0"),
            ("1.x", .excluded, "v1.4.2"), ("1.x", .included, "v1.5.0-rc.1"), ("1.x", .whereNamed, "v1.4.2"),
            (">=1.5.0-0 <1.6", .whereNamed, "v1.5.0-rc.1"), ("3.x", .included, nil), ("<=1.4.1", .excluded, "v1.4.1"),
        ] as [(String?, PrereleasePolicy, String?)])
    func `the latest version is the highest of the range and policy`(
        range: String?, prereleases: PrereleasePolicy, latest: String?
    ) throws {
        let history = VersionHistory(tags: ["v1.4.1", "v2.0.0", "v1.5.0-rc.1", "v2.1.0-rc.1", "v1.4.2", "latest"])
        let range = try range.map { try VersionRange(parsing: $0) }
        #expect(history.latest(in: range, prereleases: prereleases)?.tag == latest)
    }

    @Test(arguments: 0..<50)
    func `the order of the tags makes no difference`(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let versions = (0..<20).map { _ in
            generator.versionText(withBuildMetadata: Bool.random(using: &generator), withLongNumbers: true)
        }
        let tags = (0..<60).map { _ in generator.pick(["v", "", "", "x"]) + generator.pick(versions) }
        let history = VersionHistory(tags: tags) { $0.utf8.count.isMultiple(of: 2) }
        for _ in 0..<5 {
            let shuffled = VersionHistory(tags: tags.shuffled(using: &generator)) { $0.utf8.count.isMultiple(of: 2) }
            #expect(shuffled == history)
        }
        #expect(Set(history.versions.map(\.tag) + history.otherTags) == Set(tags))
        #expect(history.versions.count + history.otherTags.count == Set(tags).count)
        for (higher, lower) in zip(history.versions, history.versions.dropFirst()) {
            #expect(higher.version >= lower.version)
        }
    }

    @Test func `a hundred thousand tags are sorted`() throws {
        var generator = SplitMix64(seed: 1)
        let tags = (0..<100_000).map { "v\($0 / 10_000).\($0 / 100 % 100).\($0 % 100)" }.shuffled(using: &generator)
        let history = VersionHistory(tags: tags)
        #expect(history.versions.count == 100_000)
        #expect(history.versions.first?.tag == "v9.99.99")
        #expect(history.versions.last?.tag == "v0.0.0")
        let initial = try #require(VersionTag("v1.0.0"))
        let range = try VersionRange(parsing: "0.x")
        #expect(try history.next(.patch, in: range, prereleaseIdentifier: "rc", initial: initial).tag == "v0.99.100")
    }

    @Test func `numbers beyond 64 bits are sorted among the others`() {
        let descending = [
            "18446744073709551617.0.0", "18446744073709551616.2.0", "18446744073709551616.0.9",
            "18446744073709551615.3.0",
            "18446744073709551614.4.0", "1.18446744073709551617.0", "1.18446744073709551616.1",
            "1.18446744073709551615.2",
            "1.0.18446744073709551617", "1.0.18446744073709551615", "1.0.0",
        ]
        for tags in [descending, descending.reversed(), descending.sorted()] {
            #expect(VersionHistory(tags: tags).versions.map(\.tag) == descending)
        }
    }
}
