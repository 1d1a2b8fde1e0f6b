import FoundationEssentials
import RegistryTesting
import Subprocess

/// The program as it was built together with the tests.
enum Program {
    /// Where it is: beside the tests' own executable.
    static var path: String {
        get throws {
            let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            let program = URL(filePath: tests).deletingLastPathComponent().appending(path: "registry-query").path
            guard FileManager.default.isExecutableFile(atPath: program) else {
                throw TestingError("\(program) is missing: run swift build first")
            }
            return program
        }
    }

    /// The settings as an environment, with nothing of the tests' own but what finds the Swift libraries.
    static func environment(_ settings: [String: String]) -> [Environment.Key: String] {
        var settings = settings
        settings["LD_LIBRARY_PATH"] = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"]
        return Dictionary(uniqueKeysWithValues: settings.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
    }
}
