import FoundationEssentials
import Subprocess
import Testing

@Suite("Files belong to no machine")
struct TrackedFilesTests {
    /// Directories that exist on one machine only.
    ///
    /// Written in two parts, so that this file does not find itself.
    private static let machinePaths = [
        "/wo" + "rk/", "/fa" + "rm/", "/ro" + "ot/", "/.libr" + "ary", "/tmp/" + "plan", "/tmp/" + "mini",
    ]
    /// What contains one of them and is the same everywhere.
    private static let elsewhereToo = ["/ro" + "ot/.docker"]

    @Test("no tracked file names a directory of the machine that it was written on")
    func noMachinePaths() async throws {
        let files = try await trackedFiles()
        #expect(files.count > 50, "git lists too few files to believe it")
        for file in files {
            let data = try Data(contentsOf: Project.root.appending(path: file))
            guard let text = String(data: data, encoding: .utf8) else { continue }
            for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                #expect(Self.machinePath(in: line) == nil, "\(file):\(number + 1)")
            }
        }
    }

    @Test("what is built or installed here is not tracked")
    func nothingBuiltIsTracked() async throws {
        let built = try await trackedFiles().filter {
            $0.hasPrefix(".build") || $0 == "Package.resolved" || $0.hasSuffix(".o")
        }
        #expect(built.isEmpty)
    }

    @Test("a path is found where there is one")
    func finding() {
        #expect(Self.machinePath(in: "cd /wo" + "rk/main") != nil)
        #expect(Self.machinePath(in: "mounted at /ro" + "ot/.docker, and /ro" + "ot/x") != nil)
        #expect(Self.machinePath(in: "mounted at /ro" + "ot/.docker") == nil)
        #expect(Self.machinePath(in: "a/network/of/paths") == nil)
    }

    private static func machinePath(in line: some StringProtocol) -> String? {
        var text = String(line)
        for known in elsewhereToo { text = text.replacing(known, with: "") }
        return machinePaths.first { text.contains($0) }
    }

    /// The files that git tracks and that are there; with new ones, as long as git does not ignore them.
    private func trackedFiles() async throws -> [String] {
        let result = try await run(
            .name("git"),
            arguments: [
                "-c", "safe.directory=*", "-C", Project.root.path, "ls-files", "-z", "--cached", "--others",
                "--exclude-standard",
            ], output: .string(limit: 4 << 20), error: .string(limit: 4096))
        try #require(result.terminationStatus.isSuccess, "git ls-files: \(result.standardError)")
        return result.standardOutput.split(separator: "\0").map(String.init)
            .filter { FileManager.default.fileExists(atPath: Project.root.appending(path: $0).path) }
    }
}
