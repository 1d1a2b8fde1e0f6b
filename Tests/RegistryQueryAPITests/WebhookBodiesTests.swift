import HTTPTypes
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

    @Test("two large bodies are read at a time, small ones besides")
    func width() async throws {
        let bodies = LargeBodies()
        let (large, small) = (Watch(), Watch())
        let (gate, open) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for count in [1 << 20, LargeBodies.small + 1, 5 << 20, 10 << 20, 1 << 20] {
                group.addTask {
                    try await bodies.withPlace(forBytes: count) {
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
                try await bodies.withPlace(forBytes: 1 << 20) {
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
            try await bodies.withPlace(forBytes: 1 << 20) {}
        } throws: { error in
            let problem = error as? Problem
            return problem?.code == .buildsNotStarted && problem?.closesConnection == true
        }
        let leaver = tasks.removeLast()
        leaver.cancel()
        await #expect(throws: CancellationError.self) { try await leaver.value }
        open.finish()
        for task in tasks { try await task.value }
        try await bodies.withPlace(forBytes: 1 << 20) { inside.enter() }
        #expect(inside.most <= LargeBodies.width)
    }

    // MARK: Before the signature is known

    /// Holds bodies of so many bytes, which arrive once and then never end.
    private func hold(_ bodies: ArrivingBodies, _ count: Int, _ gate: AsyncStream<Void>? = nil) -> Task<Int, any Error>
    {
        Task {
            try await bodies.withBody(within: .seconds(600)) { admit in
                try admit(count)
                if let gate { for await _ in gate {} } else { try await Task.sleep(for: .seconds(600)) }
                return Array(repeating: 0, count: count)
            } use: {
                $0.count
            }
        }
    }

    @Test("who has been sending for longest gives way, so that neither slow nor endless bodies are in the way")
    func givesWay() async throws {
        let bodies = ArrivingBodies(most: 100)
        var slow: [Task<Int, any Error>] = []
        for count in 1...4 {
            slow.append(hold(bodies, 25))
            try await eventually("it is held") { bodies.bytes == count * 25 }
        }
        let quick = try await bodies.withBody(within: .seconds(600)) { admit in
            try admit(30)
            return Array(repeating: 0, count: 30)
        } use: { bytes in
            #expect(bodies.bytes <= 100)
            return bytes.count
        }
        #expect(quick == 30)
        for task in slow.prefix(2) {
            let problem = await #expect(throws: Problem.self) { try await task.value }
            #expect(problem?.code == .buildsNotStarted && problem?.headers[.retryAfter] == "10")
            #expect(problem?.closesConnection == true)
        }
        #expect(bodies.bytes == 50, "the other two are still arriving")
        for task in slow.dropFirst(2) {
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
        #expect(bodies.bytes == 0)
    }

    @Test("a body that is there wholly does not give way, and is held until it has been used")
    func holdsWhole() async throws {
        let bodies = ArrivingBodies(most: 100)
        let inside = Watch()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let whole = Task {
            try await bodies.withBody(within: .seconds(600)) { admit in
                try admit(90)
                return [1]
            } use: { _ in
                inside.enter()
                for await _ in gate {}
            }
        }
        try await eventually("it is there") { inside.now == 1 }
        let problem = await #expect(throws: Problem.self) { try await hold(bodies, 11).value }
        #expect(problem?.code == .buildsNotStarted && bodies.bytes == 90)
        open.finish()
        try await whole.value
        #expect(bodies.bytes == 0)
        #expect(try await hold(bodies, 100, gate).value == 100)
    }

    @Test("a body that does not arrive in time is given up, and what came of it is let go")
    func givesUp() async throws {
        let bodies = ArrivingBodies(most: 100)
        await #expect(throws: DeadlineExceeded.self) {
            try await bodies.withBody(within: .milliseconds(20)) { admit in
                try admit(60)
                try await Task.sleep(for: .seconds(600))
                return []
            } use: { _ in
            }
        }
        #expect(bodies.bytes == 0)
    }
}
