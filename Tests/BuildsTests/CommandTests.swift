import FoundationEssentials
import OCIDistribution
import RegistryTesting
import SystemPackage
import Testing

@testable import Builds

@Suite("Programs of a local build")
struct CommandTests {
    private let environment = ProcessInfo.processInfo.environment

    /// Runs a program and reads what it said.
    private func output(
        of program: String, _ arguments: [String], environment: [String: String]? = nil,
        longest: Duration = .seconds(20)
    ) async throws -> (CommandRunner.Ending, String) {
        let directory = try TemporaryDirectory()
        let path = FilePath(directory.path).appending("out")
        let file = try FileDescriptor.open(
            path, .readWrite, options: [.create, .append, .closeOnExec], permissions: .ownerReadWrite)
        defer { try? file.close() }
        let ending = try await CommandRunner(environment: environment ?? self.environment).run(
            program, arguments, in: FilePath(directory.path), environment: ["EXTRA": "yes"], longest: longest,
            output: file)
        return (ending, try String(contentsOf: URL(filePath: path.string), encoding: .utf8))
    }

    @Test("arguments arrive as they are, whatever is in them")
    func arguments() async throws {
        let hostile = ["$(id)", "`id`", "; id", "a b", "*", "\"", "'", "\\", "-x"]
        let (ending, text) = try await output(of: "printf", ["%s\\n"] + hostile)
        #expect(ending.isSuccess)
        #expect(text.split(separator: "\n").map(String.init) == hostile)
    }

    @Test("programs see a small environment: no token of the service")
    func smallEnvironment() async throws {
        var environment = environment
        environment["API_SECRET"] = "hunter2"
        environment["DOCKER_AUTH_CONFIG"] = "hunter2"
        let (_, text) = try await output(of: "env", [], environment: environment)
        #expect(text.contains("EXTRA=yes") && text.contains("PATH="))
        #expect(!text.contains("hunter2"))
    }

    @Test("the exit code is told, and a program that takes too long is ended")
    func endings() async throws {
        #expect(try await output(of: "sh", ["-c", "echo oops >&2; exit 3"]) == (.exited(3), "oops\n"))
        #expect(try await output(of: "sleep", ["30"], longest: .seconds(1)).0 == .exited(124))
    }

    @Test("cancelling ends the program together with all that it started")
    func cancellation() async throws {
        let directory = try TemporaryDirectory()
        let path = FilePath(directory.path)
        let log = path.appending("log")
        let task = Task {
            guard let lock = try FileLock(log) else { return }
            _ = try await CommandRunner(environment: environment).run(
                "sh", ["-c", "sleep 60 & echo started; sleep 60"], in: path, longest: .seconds(60), output: lock.file)
        }
        // Not by its lock: whoever looks whether that is free has it for a moment, and the task would find it taken.
        try await eventually("it has started") {
            (try? directory.read("log"))?.contains("started") == true
        }
        #expect(try !isFree(log))
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        // The lock belongs to the sleepers, too: it is free only if all of them are gone.
        try await eventually("all of them are gone") { try isFree(log) }
    }

    /// Takes a lock, and gives it back at once.
    private func isFree(_ path: FilePath) throws -> Bool {
        guard let lock = try FileLock(path) else { return false }
        _ = consume lock
        return true
    }

    @Test("what is run for a build", arguments: [ImageTool.buildah, .docker, .buildctl])
    func commands(tool: ImageTool) throws {
        let job = ImageTool.Job(
            destination: try ImageReference("127.0.0.1:5000/webapp/app-example:v1.0.0"), context: "/w/context",
            credentials: "/w/credentials", digestFile: "/w/digest", platforms: [try Platform("linux/arm64")],
            labels: [("org.opencontainers.image.version", "1.0.0")], usesPlainHTTP: true, certificates: nil)
        let steps = tool.commands(for: job).steps
        let label = "org.opencontainers.image.version=1.0.0"
        let name = "127.0.0.1:5000/webapp/app-example:v1.0.0"
        switch tool {
        case .buildah:
            #expect(
                steps.map(\.arguments) == [
                    [
                        "build", "--authfile", "/w/credentials/config.json", "--tls-verify=false", "--tag", name,
                        "--platform",
                        "linux/arm64", "--label", label, "/w/context",
                    ],
                    [
                        "push", "--authfile", "/w/credentials/config.json", "--tls-verify=false", "--digestfile",
                        "/w/digest", name,
                        "docker://\(name)",
                    ],
                ])
        case .docker:
            #expect(steps.map(\.arguments.first) == ["build", "push"])
            #expect(steps.allSatisfy { $0.environment["DOCKER_CONFIG"] == "/w/credentials" })
        case .buildctl:
            #expect(steps.count == 1)
            #expect(steps[0].arguments.contains("type=image,name=\(name),push=true,registry.insecure=true"))
            #expect(steps[0].arguments.contains("label:\(label)"))
        }
    }

    @Test("the sentence of a failure has the last lines that matter, without escape sequences, and a way on")
    func sentences() {
        let lines = LogTail.lines(in: Array("== building\n\u{1b}[31merror\u{1b}[0m one\n\n  two\r\nthree\nfour\n".utf8))
        #expect(lines == ["error one", "two", "three", "four"])
        #expect(
            LogTail(lines: lines).sentence(program: "buildah", step: "build", ending: .exited(1))
                == "buildah build failed with exit code 1: two | three | four")
        #expect(
            LogTail(lines: ["unauthorized: authentication required"]).sentence(
                program: "buildah", step: "push", ending: .exited(125)
            ).hasSuffix("(check the registry's credentials in DOCKER_CONFIG)"))
        #expect(LogTail(lines: []).sentence(program: "git", step: "fetch", ending: .killed(9)).contains("by signal 9"))
    }
}
