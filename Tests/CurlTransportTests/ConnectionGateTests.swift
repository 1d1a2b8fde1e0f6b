import HTTPTransport
import Testing

@testable import CurlTransport

@Suite struct ConnectionGateTests {
    private let one: ConnectionGate.Origin
    private let other: ConnectionGate.Origin

    init() throws {
        one = .init(try HTTPURL("http://one.example/"))
        other = .init(try HTTPURL("http://other.example/"))
    }

    private func gate(perHost: Int = 1, total: Int = 10) -> ConnectionGate {
        ConnectionGate(.init(perHost: perHost, total: total, waiting: 10, longestWait: .seconds(60)))
    }

    @Test func fullHostDoesNotHoldUpAnother() async throws {
        let gate = gate()
        let first = try await gate.enter(one)
        let waiting = Task { try await gate.enter(one) }
        try await eventually("it waits") { gate.counts.waiting == 1 }
        try await gate.enter(other).release()
        first.release()
        try await waiting.value.release()
        #expect(gate.counts == (0, 0))
    }

    @Test func totalHoldsUpAllHosts() async throws {
        let gate = gate(total: 1)
        let first = try await gate.enter(one)
        let waiting = Task { try await gate.enter(other) }
        try await eventually("it waits") { gate.counts.waiting == 1 }
        first.release()
        try await waiting.value.release()
    }

    @Test func placesAreGivenInTheOrderOfArrival() async throws {
        let gate = gate()
        let order = Order()
        let first = try await gate.enter(one)
        let tasks = try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<5 {
                group.addTask {
                    let permit = try await gate.enter(one)
                    order.append(number)
                    permit.release()
                }
                try await eventually("it waits") { gate.counts.waiting == number + 1 }
            }
            first.release()
            try await group.waitForAll()
            return order.numbers
        }
        #expect(tasks == [0, 1, 2, 3, 4])
    }

    @Test func releasingTwiceFreesOnePlace() async throws {
        let gate = gate(perHost: 2)
        let first = try await gate.enter(one)
        let second = try await gate.enter(one)
        first.release()
        first.release()
        #expect(gate.counts.active == 1)
        second.release()
        #expect(gate.counts.active == 0)
    }

    @Test func forgottenPermitIsReleased() async throws {
        let gate = gate()
        _ = try await gate.enter(one)
        #expect(gate.counts.active == 0)
    }

    @Test func onlyThoseWhoWaitedTooLongFail() async throws {
        let gate = gate()
        let first = try await gate.enter(one)
        let waiting = Task { try await gate.enter(one) }
        try await eventually("it waits") { gate.counts.waiting == 1 }
        gate.expire(now: .now + .seconds(30))
        #expect(gate.counts.waiting == 1)
        gate.expire(now: .now + .seconds(61))
        try await expectError(.connect) { _ = try await waiting.value }
        first.release()
        #expect(gate.counts == (0, 0))
    }

    private final class Order: Sendable {
        private let state = Locked<[Int]>([])
        var numbers: [Int] { state.withLock { $0 } }
        func append(_ number: Int) { state.withLock { $0.append(number) } }
    }
}
