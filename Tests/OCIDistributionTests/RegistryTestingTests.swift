import FoundationEssentials
import Glibc
import RegistryTesting
import Testing

/// What the tests stand on has to clean up behind itself.
@Suite(.timeLimit(.minutes(5))) struct RegistryTestingTests {
    @Test func nothingLingersWhenARegistryIsClosedOrForgotten() async throws {
        var registry: TestRegistry? = try await TestRegistry.start()
        let pid = try #require(registry?.pid)
        #expect(kill(pid, 0) == 0)
        registry = nil
        #expect(kill(pid, 0) == -1)
        let port = try LoopbackPort.free()
        let second = try await TestRegistry.start(port: port)
        #expect(second.port == port)
        second.close()
        second.close()
        #expect(kill(second.pid, 0) == -1)
    }

    @Test func aServerEndsWithTheProcessThatStartedIt() async throws {
        // A shell that is killed stands in for a test process: what it started dies with it.
        let directory = try TemporaryDirectory()
        let script = "setpriv --pdeathsig KILL -- sleep 300 & echo child $! ; wait"
        let parent = try ServerProcess(["sh", "-c", script], name: "parent", in: directory)
        let child = try #require(pid_t(try await parent.word(after: "child ")))
        try await eventually {
            (try? String(contentsOf: URL(filePath: "/proc/\(child)/comm"), encoding: .utf8)) == "sleep\n"
        }
        parent.close()
        try await eventually {
            kill(child, 0) != 0
                || (try? String(contentsOf: URL(filePath: "/proc/\(child)/stat"), encoding: .utf8))?.contains(") Z ")
                    != false
        }
    }
}
