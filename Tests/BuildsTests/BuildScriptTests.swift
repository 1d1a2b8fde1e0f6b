import FoundationEssentials
import Glibc
import RegistryTesting
import Testing

@testable import Builds

/// The real script; in place of BuildKit stands a recorder, which tells what the script does with BuildKit and nothing
/// of what BuildKit does.
@Suite("The script of buildkit", .timeLimit(.minutes(1)))
struct BuildScriptTests {
    private static let commit = String(repeating: "a1", count: 20)

    /// - Parameter then: What the recorder does after it has written down its arguments.
    private func script(_ plan: BuildPlan? = nil, shell: [String], then: String) throws -> JobScript {
        var script = try JobScript(JobKeys.Container.build, of: plan ?? kubernetesPlan(), shell: shell)
        let directory = script.directory
        try directory.write(
            """
            #!/bin/sh
            printf '%s\\0' "$@" > "\(directory.path)/arguments"
            echo $$ > "\(directory.path)/pid"
            \(then)

            """, to: "bin/buildctl-daemonless.sh", permissions: 0o755)
        try directory.write(Self.commit, to: "result/commit", permissions: 0o644)
        script.environment["PATH"] = "\(directory.path("bin")):\(script.environment["PATH"] ?? "")"
        return script
    }

    private func arguments(_ script: JobScript) throws -> [String] {
        try script.directory.read("arguments").split(separator: "\0", omittingEmptySubsequences: false).dropLast()
            .map(String.init)
    }

    @Test("BuildKit gets the Job's arguments as they are, and the commit as a label", arguments: JobScript.shells)
    func arguments(shell: [String]) async throws {
        var plan = try kubernetesPlan()
        plan.platforms = [try Platform("linux/arm64")]
        var script = try script(plan, shell: shell, then: "echo {} > \"$0.json\"; cp \"$0.json\" \"$RESULT\"")
        script.environment["RESULT"] = script.directory.path("result/metadata.json")
        let odd = ["a b", "", "*", "'", "\"; echo x", "$(id)", "`id`", "-n", "x\ny", "\\n", "caf\u{e9}"]
        script.command += odd
        #expect(try await script.run().status == 0)
        let given = try arguments(script)
        #expect(
            given.dropLast(2 + odd.count) == [
                "build", "--frontend", "dockerfile.v0", "--local", "context=\(script.directory.path)/workspace",
                "--local",
                "dockerfile=\(script.directory.path)/workspace", "--progress", "plain", "--metadata-file",
                "\(script.directory.path)/result/metadata.json", "--output",
                "type=image,name=registry.example:5115/webapp/app-example:v1.2.3,push=true",
                "--opt", "label:org.opencontainers.image.version=v1.2.3",
                "--opt", "label:org.opencontainers.image.source=https://git.example/webapps.git",
                "--opt", "label:org.opencontainers.image.created=2026-11-22T09:22:35Z",
                "--opt", "platform=linux/arm64",
            ])
        #expect(
            given.suffix(2 + odd.count) == odd + ["--opt", "label:org.opencontainers.image.revision=\(Self.commit)"])
    }

    @Test("what BuildKit says of the image becomes the container's last message", arguments: JobScript.shells)
    func metadata(shell: [String]) async throws {
        let metadata = "{\"containerimage.digest\":\"sha256:\(String(repeating: "0", count: 64))\"}\n"
        var script = try script(shell: shell, then: "printf '%s' \"$METADATA\" > \"$RESULT\"; echo done >&2")
        script.environment["RESULT"] = script.directory.path("result/metadata.json")
        script.environment["METADATA"] = metadata
        let ending = try await script.run()
        #expect(ending.status == 0)
        #expect(ending.log == "done\n")
        #expect(try script.directory.read("termination-log") == metadata)
    }

    @Test("BuildKit's exit code is the container's, and then its log is the message", arguments: JobScript.shells)
    func exitCode(shell: [String]) async throws {
        for code in [1, 7, 137] as [Int32] {
            let script = try script(shell: shell, then: "echo 'error: failed to solve' >&2; exit \(code)")
            let ending = try await script.run()
            #expect(ending.status == code)
            #expect(ending.log == "error: failed to solve\n")
            #expect(try script.directory.read("termination-log") == "")
        }
    }

    @Test("SIGTERM ends it at once", arguments: JobScript.shells)
    func cancelled(shell: [String]) async throws {
        let script = try script(shell: shell, then: "exec sleep 60")
        let ending = try await script.run { pid in
            try await JobScript.eventually { (try? script.directory.read("pid").hasSuffix("\n")) == true }
            kill(pid, SIGTERM)
        }
        // In a container it ends with process 1.
        if let left = Int32(try script.directory.read("pid").filter { $0 != "\n" }) { kill(left, SIGKILL) }
        #expect(ending.status == 143)
        #expect(ending.remainder < .seconds(50), "it does not wait for the program, which takes a minute")
        #expect(ending.log == "build cancelled\n")
    }
}
