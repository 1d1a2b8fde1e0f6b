import FoundationEssentials
import Testing

@Suite("The documentation keeps up with the program")
struct DocumentationTests {
    @Test("the README's table has every setting of the program, and no other")
    func settingsTable() throws {
        let known = Self.settings(inSource: try Project.text("Sources/registry-query/SettingKey.swift"))
        #expect(known.count > 20, "SettingKey.swift is no longer read correctly")
        // The one that only the command line has a name for, and the one that only the environment has.
        let others: Set = ["CONFIG", "REGISTRY_QUERY_TOKEN"]
        #expect(Self.settings(inTableOf: try Project.text("README.md")) == known.union(others))
    }

    @Test("every command of the README exists", arguments: ["try", "stop", "test", "benchmark"])
    func commands(name: String) throws {
        let path = "deploy/local/\(name)"
        #expect(try Project.text("README.md").contains(path))
        #expect(FileManager.default.isExecutableFile(atPath: Project.root.appending(path: path).path))
    }

    @Test(
        "every file and folder that a README links to exists",
        arguments: ["", "deploy/kubernetes/", "deploy/n8n/"])
    func links(folder: String) throws {
        let targets = try Project.text("\(folder)README.md").split(separator: "](").dropFirst().map {
            String($0.prefix { $0 != ")" && $0 != "#" })
        }
        for target in targets where !target.contains("://") && !target.isEmpty {
            #expect(
                FileManager.default.fileExists(atPath: Project.root.appending(path: folder + target).path), "\(target)")
        }
    }

    @Test("settings are found in source and table alike")
    func reading() {
        #expect(Self.settings(inSource: "    case a = \"A_B\"\n    case c = \"C\"\n") == ["A_B", "C"])
        #expect(
            Self.settings(inTableOf: "## Configuration\n| `A_B` | x |\n| `C` |\n## Else\n| `D` |\n") == ["A_B", "C"])
    }

    /// The raw values of the cases.
    private static func settings(inSource text: String) -> Set<String> {
        Set(text.matches(of: /case \w+ = "([A-Z_]+)"/).map { String($0.1) })
    }

    /// The first column of the section's table.
    private static func settings(inTableOf readme: String) -> Set<String> {
        let lines = readme.split(separator: "\n").drop { $0 != "## Configuration" }.dropFirst()
        return Set(
            lines.prefix { !$0.hasPrefix("## ") }.compactMap {
                $0.firstMatch(of: /^\| `([A-Z_]+)`/).map { String($0.1) }
            })
    }
}
