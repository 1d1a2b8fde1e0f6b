import Synchronization
import Testing

@testable import RegistryQueryAPI

/// How large bodies share the memory.
struct WebhookBodiesTests {
    private final class Watch: Sendable {
        private let counts = Mutex((now: 0, most: 0))
        var most: Int { counts.withLock { $0.most } }
        var now: Int { counts.withLock { $0.now } }

        func enter() { counts.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
        func leave() { counts.withLock { $0.now -= 1 } }
    }

    @Test("two large bodies are held at a time, small ones besides; a body of unknown size counts as large")
    func width() async throws {
        let bodies = LargeBodies()
        let (large, small) = (Watch(), Watch())
        let (gate, open) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for announced in [1 << 20, nil, LargeBodies.small + 1, 5 << 20, nil] as [Int?] {
                group.addTask {
                    try await bodies.withPlace(forBytes: announced) {
                        large.enter()
                        defer { large.leave() }
                        for await _ in gate {}
                    }
                }
            }
            try await eventually("two are in") { large.now == 2 }
            for _ in 0..<3 { try await bodies.withPlace(forBytes: LargeBodies.small) { small.enter() } }
            #expect(small.now == 3 && large.now == 2)
            open.finish()
            try await group.waitForAll()
        }
        #expect(large.most == 2 && large.now == 0)
    }

    @Test("those who wait are few, and whoever leaves makes room")
    func line() async throws {
        let bodies = LargeBodies()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let inside = Watch()
        func occupy() -> Task<Void, any Error> {
            Task {
                try await bodies.withPlace(forBytes: nil) {
                    inside.enter()
                    for await _ in gate {}
                    inside.leave()
                }
            }
        }
        var tasks = (0..<LargeBodies.width).map { _ in occupy() }
        try await eventually("all places are taken") { inside.now == LargeBodies.width }
        tasks += (0..<LargeBodies.longestLine).map { _ in occupy() }
        try await eventually("the line is full") { await bodies.waiting == LargeBodies.longestLine }
        await #expect {
            try await bodies.withPlace(forBytes: nil) {}
        } throws: { error in
            let problem = error as? Problem
            return problem?.code == .buildsNotStarted && problem?.closesConnection == true
        }
        let leaver = tasks.removeLast()
        leaver.cancel()
        await #expect(throws: CancellationError.self) { try await leaver.value }
        open.finish()
        for task in tasks { try await task.value }
        try await bodies.withPlace(forBytes: nil) { inside.enter() }
        #expect(inside.most <= LargeBodies.width)
    }
}
