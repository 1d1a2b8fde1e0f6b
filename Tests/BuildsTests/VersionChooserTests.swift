import SemanticVersions
import Testing

@testable import Builds

@Suite("Which version a build gets")
struct VersionChooserTests {
    private func choose(
        _ selection: BuildRequest.Selection, tags: [String]?, held: [String] = [], filter: String? = nil
    ) throws -> VersionChooser.Choice {
        let policy = VersionPolicy(
            initial: try #require(VersionTag("v1.0.0")), filter: try filter.map { try TagFilter($0) })
        let held = held.compactMap { VersionTag($0) }
        let choice = try VersionChooser(tags: tags, held: held, policy: policy).choose(selection)
        let history = VersionHistory(tags: tags ?? []) { policy.filter?.admits($0) ?? true }
        if let sorted = VersionChooser(sorted: history, held: held, policy: policy) {
            #expect(try sorted.choose(selection) == choice, "a listing that is sorted already leads to the same")
        }
        return choice
    }

    @Test(
        "a sorted listing serves as it is only where all held versions are in it and count",
        arguments: [
            (["v1.0.0", "v1.0.1"], ["v1.0.1"], nil, true), (["v1.0.0"], [], nil, true),
            (["v1.0.0"], ["v1.0.1"], nil, false), (["1.0.1"], ["v1.0.1"], nil, false),
            (["v1.0.0", "x1.0.1"], ["v1.0.0"], "^x", false),
        ] as [([String], [String], String?, Bool)])
    func sorted(tags: [String], held: [String], filter: String?, serves: Bool) throws {
        let filter = try filter.map { try TagFilter($0) }
        let policy = VersionPolicy(initial: try #require(VersionTag("v1.0.0")), filter: filter)
        let history = VersionHistory(tags: tags) { filter?.admits($0) ?? true }
        let chooser = VersionChooser(sorted: history, held: held.compactMap { VersionTag($0) }, policy: policy)
        #expect((chooser != nil) == serves)
    }

    private func next(
        _ bump: Bump = .patch, tags: [String]?, held: [String] = [], filter: String? = nil, range: String? = nil
    ) throws -> String? {
        let range = try range.map { try VersionRange(parsing: $0) }
        guard
            case .version(let version, _, _) = try choose(
                .bump(bump, prereleaseIdentifier: nil, range: range), tags: tags, held: held, filter: filter)
        else { return nil }
        return version.tag
    }

    @Test("a repository that the registry does not know, or that is empty, begins with the initial version")
    func first() throws {
        #expect(try next(tags: nil) == "v1.0.0")
        #expect(try next(tags: []) == "v1.0.0")
        #expect(try next(tags: ["latest", "sha-abc", "2024.01.02", "1.2", "01.2.3"]) == "v1.0.0")
    }

    @Test("versions held by builds count, whatever became of the builds")
    func held() throws {
        #expect(try next(tags: nil, held: ["v1.0.0"]) == "v1.0.1")
        #expect(try next(tags: ["v1.0.0"], held: ["v1.0.1", "v1.0.3"]) == "v1.0.4")
        #expect(try next(.minor, tags: ["v1.4.0"], held: ["v1.5.0"]) == "v1.6.0")
    }

    @Test("tags the filter leaves out do not count, but a version that it would not count is never given")
    func filter() throws {
        #expect(try next(tags: ["v1.2.3", "2024.1.5"], filter: "^v") == "v1.2.4")
        #expect(try next(tags: ["2024.1.5"], filter: "^v") == "v1.0.0")
        let error = #expect(throws: BuildsError.self) {
            try next(.minor, tags: ["v1.0.3"], filter: #"^v1\.0\."#)
        }
        #expect(error?.code == .noNextVersion)
    }

    @Test("a held version counts even where the filter would not count its tag")
    func heldAndFilter() throws {
        #expect(try next(tags: ["v1.0.0"], held: ["v1.0.1"], filter: "^v1") == "v1.0.2")
    }

    @Test("a maintenance line is released while a higher version exists, and stays within its range")
    func range() throws {
        #expect(try next(tags: ["v1.4.2", "v2.0.0"], range: "1.x") == "v1.4.3")
        let error = #expect(throws: BuildsError.self) { try next(.major, tags: ["v1.4.2", "v2.0.0"], range: "1.x") }
        #expect(error?.code == .noNextVersion)
    }

    @Test("an explicit version is refused where it exists in any spelling, or is held")
    func explicit() throws {
        let version = BuildRequest.Selection.version(try #require(VersionTag("v1.2.3")))
        #expect(throws: Never.self) { try choose(version, tags: ["v1.2.2", "v2.0.0"]) }
        for (tags, held) in [(["v1.2.3"], []), (["1.2.3"], []), ([], ["v1.2.3"]), ([], ["1.2.3"])]
            as [([String], [String])]
        {
            let error = #expect(throws: BuildsError.self) { try choose(version, tags: tags, held: held) }
            #expect(error?.code == .versionTaken)
        }
    }

    @Test("an explicit version whose tag exists outside the filter is refused, too")
    func explicitAndFilter() throws {
        let version = BuildRequest.Selection.version(try #require(VersionTag("1.2.3")))
        #expect(throws: BuildsError.self) { try choose(version, tags: ["1.2.3"], filter: "^v") }
    }

    @Test("commits decide, and a bump beside them is the least")
    func commits() throws {
        let tags = ["v1.2.3"]
        func bump(_ messages: [String], _ floor: Bump? = nil) throws -> Bump?? {
            switch try choose(.commits(messages, bump: floor, range: nil), tags: tags) {
            case .version(_, _, let bump): bump
            case .releaseNotNeeded: nil
            }
        }
        #expect(try bump(["fix: a", "chore: b"]) == .patch)
        #expect(try bump(["fix: a", "feat(x): b"]) == .minor)
        #expect(try bump(["feat!: a"]) == .major)
        #expect(try bump(["fix: a"], .minor) == .minor)
        #expect(try bump(["feat!: a"], .minor) == .major)
        #expect(try bump(["docs: a"]) == nil)
        #expect(try bump([]) == nil)
        #expect(try bump(["docs: a"], .patch) == .patch)
    }
}
