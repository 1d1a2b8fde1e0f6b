import SemanticVersions
import Testing

@Suite struct VersionTagTests {
    @Test(arguments: [
        ("v1.2.3", "1.2.3", true), ("1.2.3", "1.2.3", false), ("v0.0.0", "0.0.0", true),
        ("v1.2.3-rc.1", "1.2.3-rc.1", true), ("1.2.3-alpine", "1.2.3-alpine", false), ("2024.1.2", "2024.1.2", false),
    ])
    func `a version with or without v is a version tag`(text: String, version: String, hasPrefix: Bool) throws {
        let tag = try #require(VersionTag(text))
        #expect(tag.tag == text)
        #expect(tag.description == text)
        #expect(tag.version.description == version)
        #expect(tag.hasPrefix == hasPrefix)
        #expect(VersionTag(version: tag.version, hasPrefix: hasPrefix) == tag)
    }

    @Test(arguments: [
        "2024.01.02", "1.2", "v1.2", "1", "v1", "01.2.3", "sha-abc", "sha256-0123", "latest", "V1.2.3", "v1.2.3+x",
        "1.2.3+x",
        "vv1.2.3", "v", "", "v.1.2.3", "v 1.2.3", "1.2.3_1", "release-1.2.3", "v-1.2.3",
    ])
    func `other tags are no versions`(text: String) {
        #expect(VersionTag(text) == nil)
    }

    @Test func `a tag has at most 128 characters`() throws {
        let longest = "v1.2.3-" + String(repeating: "a", count: 121)
        #expect(longest.count == 128)
        #expect(VersionTag(longest) != nil)
        #expect(VersionTag(longest + "a") == nil)
        let version = try SemanticVersion(parsing: "1.2.3-" + String(repeating: "a", count: 122))
        #expect(VersionTag(version: version, hasPrefix: false) != nil)
        #expect(VersionTag(version: version, hasPrefix: true) == nil)
    }

    @Test func `a version with build metadata has no tag`() throws {
        #expect(try VersionTag(version: SemanticVersion(parsing: "1.2.3+b"), hasPrefix: true) == nil)
    }

    @Test func `tags are ordered by version, then the one without prefix first`() throws {
        let tags = try ["1.0.0", "v1.0.0", "v1.0.1-rc.1", "1.0.1"].map { try #require(VersionTag($0)) }
        #expect(tags.reversed().sorted() == tags)
        #expect(tags[0] != tags[1])
        for tag in tags { #expect(!(tag < tag)) }
    }
}
