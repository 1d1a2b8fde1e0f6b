import OCIDistribution
import SemanticVersions
import Testing

@testable import Builds

@Suite("Names of builds")
struct BuildIDTests {
    private func id(_ webapp: String, _ version: String, repository: String? = nil) throws -> String {
        let tag = try #require(VersionTag(version))
        return BuildID(
            webapp: try WebappName(webapp), repository: try Repository(repository ?? "webapp/\(webapp)"),
            version: tag.version
        ).description
    }

    @Test("a release reads as what it is")
    func readable() throws {
        #expect(try id("app-example", "v1.2.3") == "build-app-example-v1-2-3")
    }

    @Test("both spellings of a version share one name: only one of them can be reserved")
    func spellings() throws {
        #expect(try id("app-example", "v1.2.3") == id("app-example", "1.2.3"))
        #expect(try id("app-example", "v1.2.3-rc.1") == id("app-example", "1.2.3-rc.1"))
    }

    @Test("every name is one DNS label of at most 63 characters, and no two versions share one")
    func injective() throws {
        let longest = String(repeating: "a", count: 63)
        let huge = String(repeating: "9", count: 60)
        let webapps = [
            "a", "a-v1", "a-v1-2", "a-v1-2-3", "app-example", longest, String(longest.dropLast()) + "b", "a-h", "build",
        ]
        let versions = [
            "v1.2.3", "v1.2.4", "v12.3.4", "v1.23.4", "v1.2.34", "v2.3.4", "v1.2.3-rc.1", "v1.2.3-rc-1", "v1.2.3-RC.1",
            "v1.2.3-rc1",
            "v1.2.3-1", "v1.2.3-4", "v1.2.3-0", "v\(huge).0.0", "v0.\(huge).0", "v1.2.3-\(huge)",
        ]
        var names: [String: String] = [:]
        for webapp in webapps {
            for version in versions {
                let name = try id(webapp, version)
                #expect(throws: Never.self) { try BuildID(name) }
                #expect(name.utf8.count <= 63)
                #expect(names.updateValue("\(webapp) \(version)", forKey: name) == nil, "\(name)")
            }
        }
    }

    @Test(
        "what is no DNS label is no build's id",
        arguments: ["", "..", "a/b", "A", "-a", String(repeating: "a", count: 64)])
    func invalid(text: String) {
        #expect(throws: InvalidInput.self) { try BuildID(text) }
    }
}
