import OCIDistribution
import Synchronization
import Testing

@Suite struct SharedLookUpsTests {
    @Test func manyWhoAskShareOneLookUpWhichIsKeptForAWhile() async throws {
        let clock = ManualClock()
        let gate = Gate()
        let count = Mutex(0)
        let shared = SharedLookUps<Int, Int>(maxAge: .seconds(30), clock: clock) { key in
            count.withLock { $0 += 1 }
            try await gate.pass()
            return key
        }
        try await withThrowingTaskGroup(of: Int?.self) { group in
            for _ in 0..<20 { group.addTask { try await shared.value(of: 7) } }
            try await eventually { count.withLock { $0 } == 1 }
            gate.open()
            for try await found in group { #expect(found == 7) }
        }
        #expect(try await shared.value(of: 7, anew: true) == 7 && count.withLock { $0 } == 1)
        clock.advance(by: .seconds(3))
        #expect(try await shared.value(of: 7) == 7 && count.withLock { $0 } == 1)
        #expect(try await shared.value(of: 7, anew: true) == 7 && count.withLock { $0 } == 2)
        clock.advance(by: .seconds(31))
        #expect(try await shared.value(of: 7) == 7 && count.withLock { $0 } == 3)
        await shared.drop { $0 == 8 }
        #expect(try await shared.value(of: 7) == 7 && count.withLock { $0 } == 3)
        await shared.drop { $0 == 7 }
        #expect(try await shared.value(of: 7) == 7 && count.withLock { $0 } == 4)
    }

    @Test func nothingAndFailuresAreNotKept() async throws {
        let count = Mutex(0)
        let shared = SharedLookUps<Int, Int>(maxAge: .seconds(30), clock: ManualClock()) { _ in
            if count.withLock({
                $0 += 1
                return $0
            }) == 1 {
                return nil
            }
            throw RegistryError(.unavailable, operation: "look up", summary: "no")
        }
        #expect(try await shared.value(of: 1) == nil)
        for _ in 0..<2 { await #expect(throws: RegistryError.self) { try await shared.value(of: 1) } }
        #expect(count.withLock { $0 } == 3)
    }

    @Test func aFewRunAtATimeAndWhoLeavesGivesUpTheTurn() async throws {
        let gate = Gate()
        let state = Mutex((running: 0, most: 0))
        let shared = SharedLookUps<Int, Int>(maxAge: .seconds(30), width: 2, clock: ManualClock()) { key in
            state.withLock { $0 = ($0.running + 1, max($0.most, $0.running + 1)) }
            defer { state.withLock { $0.running -= 1 } }
            try await gate.pass()
            return key
        }
        try await withThrowingTaskGroup(of: Int?.self) { group in
            for key in 0..<2 { group.addTask { try await shared.value(of: key) } }
            try await eventually { state.withLock { $0.running } == 2 }
            let leaving = Task { try await shared.value(of: 2) }
            for key in 3..<20 { group.addTask { try await shared.value(of: key) } }
            try await Task.sleep(for: .milliseconds(30))
            leaving.cancel()
            await #expect(throws: CancellationError.self) { try await leaving.value }
            gate.open()
            var found: Set<Int> = []
            for try await key in group { found.formUnion([key].compactMap(\.self)) }
            #expect(found == Set(0..<20).subtracting([2]))
        }
        #expect(state.withLock { $0.most } == 2)
        #expect(try await shared.value(of: 2) == 2)
    }
}
