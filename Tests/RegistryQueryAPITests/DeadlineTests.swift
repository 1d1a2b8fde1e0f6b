import FoundationEssentials
import Glibc
import Testing

@testable import RegistryQueryAPI

@Suite("How long an operation may take")
struct DeadlineTests {
    @Test("what heeds nothing is left at its deadline, what is in time answers, and a caller who is cancelled goes")
    func ends() async throws {
        let gate = AsyncStream<Void>.makeStream()
        await #expect(throws: DeadlineExceeded.self) {
            try await withDeadline(.milliseconds(20)) {
                // An unstructured task knows nothing of the cancellation.
                await Task { for await _ in gate.stream {} }.value
            }
        }
        await #expect(throws: DeadlineExceeded.self) {
            try await withDeadline(.seconds(-1)) { try await Task.sleep(for: .seconds(60)) }
        }
        gate.continuation.finish()
        #expect(try await withDeadline(.seconds(60)) { 7 } == 7)
        struct Refused: Error {}
        await #expect(throws: Refused.self) { try await withDeadline(.seconds(60)) { throw Refused() } }
        let caller = Task { try await withDeadline(.seconds(60)) { try await Task.sleep(for: .seconds(60)) } }
        caller.cancel()
        await #expect(throws: CancellationError.self) { try await caller.value }
    }

    @Test("a deadline that was not needed keeps nothing: 30,000 of them leave the memory as it was")
    func keepsNothing() async throws {
        // In a process of its own, where no other test takes memory.
        await #expect(processExitsWith: .success) {
            for _ in 0..<1000 { try await withDeadline(.seconds(600)) {} }
            let before = try Self.residentBytes()
            for _ in 0..<30_000 { try await withDeadline(.seconds(600)) {} }
            // A sleeping task for each would be 20 MB.
            #expect(try Self.residentBytes() - before < 8_000_000)
        }
    }

    /// Spec: proc_pid_statm(5).
    private static func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
