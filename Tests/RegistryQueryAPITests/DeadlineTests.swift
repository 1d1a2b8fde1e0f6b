import FoundationEssentials
import RegistryTesting
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
        await #expect(throws: TestingError.self) { try await withDeadline(.seconds(60)) { throw TestingError("no") } }
        let caller = Task { try await withDeadline(.seconds(60)) { try await Task.sleep(for: .seconds(60)) } }
        caller.cancel()
        await #expect(throws: CancellationError.self) { try await caller.value }
    }

    @Test("a deadline that was not needed keeps nothing: 100,000 of them leave the memory as it was")
    func keepsNothing() async throws {
        // Other tests run meanwhile and may take memory: one round of three without much is enough. A sleeping task for each
        // deadline would be 75 MB in every round.
        var growth = Int.max
        for _ in 0..<3 where growth >= 40_000_000 {
            let before = try residentBytes()
            for _ in 0..<100_000 { try await withDeadline(.seconds(600)) {} }
            growth = try residentBytes() - before
        }
        #expect(growth < 40_000_000)
    }

    /// Spec: proc_pid_statm(5).
    private func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        return try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) }) * 4096
    }
}
