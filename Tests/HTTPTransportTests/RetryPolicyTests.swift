import HTTPTransport
import Synchronization
import Testing

@testable import HTTPTransport

/// Time that passes when somebody waits, and at no other moment.
final class ManualClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private let state = Mutex<(now: Duration, waits: [Duration])>((.zero, []))
    let minimumResolution = Duration.zero

    var now: Instant { Instant(offset: state.withLock { $0.now }) }
    var waits: [Duration] { state.withLock { $0.waits } }

    func advance(by duration: Duration) { state.withLock { $0.now += duration } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        state.withLock { state in
            state.waits.append(deadline.offset - state.now)
            state.now = max(state.now, deadline.offset)
        }
    }
}

@Suite struct RetryPolicyTests {
    struct Failure: Error, Equatable { var number: Int }

    private let clock = ManualClock()

    @Test func successIsNotRepeated() async throws {
        let value = try await RetryPolicy().run(clock: clock) { number, remaining in
            #expect(number == 1)
            #expect(remaining == .seconds(20))
            return .done("x")
        }
        #expect(value == "x")
        #expect(clock.waits.isEmpty)
    }

    @Test func lastFailureIsThrownAfterAllAttempts() async {
        var numbers: [Int] = []
        await #expect(throws: Failure(number: 3)) {
            try await RetryPolicy().run(clock: clock) { number, _ -> RetryOutcome<Int> in
                numbers.append(number)
                return .again(after: nil, failure: Failure(number: number))
            }
        }
        #expect(numbers == [1, 2, 3])
    }

    @Test func laterAttemptMaySucceed() async throws {
        let value = try await RetryPolicy().run(clock: clock) { number, _ in
            number < 3 ? .again(after: nil, failure: Failure(number: number)) : .done(number)
        }
        #expect(value == 3)
    }

    @Test func waitsAreJitteredBelowADoublingBound() async throws {
        let policy = RetryPolicy(attempts: 6, longestDelay: .seconds(1))
        #expect(
            (1...6).map(policy.longestWait) == [.milliseconds(200), .milliseconds(400), .milliseconds(800)]
                + Array(repeating: .seconds(1), count: 3))
        for _ in 0..<100 {
            let clock = ManualClock()
            _ = try? await policy.run(clock: clock) { number, _ -> RetryOutcome<Int> in
                .again(after: nil, failure: Failure(number: number))
            }
            #expect(clock.waits.count == 5)
            for (number, wait) in clock.waits.enumerated() {
                #expect(wait >= .zero && wait <= policy.longestWait(after: number + 1))
            }
        }
    }

    @Test func waitThatTheServerAsksForWins() async throws {
        _ = try await RetryPolicy().run(clock: clock) { number, _ in
            number == 1 ? .again(after: .seconds(7), failure: Failure(number: 1)) : .done(0)
        }
        #expect(clock.waits == [.seconds(7)])
    }

    @Test func waitBeyondTheTotalIsNotBegun() async {
        await #expect(throws: Failure(number: 1)) {
            try await RetryPolicy().run(clock: clock) { number, _ -> RetryOutcome<Int> in
                .again(after: .seconds(20), failure: Failure(number: number))
            }
        }
        #expect(clock.waits.isEmpty)
    }

    @Test func attemptsCountAgainstTheTotal() async {
        var remainders: [Duration] = []
        await #expect(throws: Failure(number: 2)) {
            try await RetryPolicy(attempts: 10).run(clock: clock) { number, remaining -> RetryOutcome<Int> in
                remainders.append(remaining)
                clock.advance(by: .seconds(9))
                return .again(after: .seconds(1), failure: Failure(number: number))
            }
        }
        #expect(remainders == [.seconds(20), .seconds(10)])
    }

    @Test func noneIsOneAttempt() async {
        await #expect(throws: Failure(number: 1)) {
            try await RetryPolicy.none.run(clock: clock) { number, _ -> RetryOutcome<Int> in
                .again(after: .zero, failure: Failure(number: number))
            }
        }
    }

    @Test func errorOfAnAttemptEndsTheRun() async {
        await #expect(throws: Failure(number: 1)) {
            try await RetryPolicy().run(clock: clock) { number, _ -> RetryOutcome<Int> in
                throw Failure(number: number)
            }
        }
        #expect(clock.waits.isEmpty)
    }

    @Test func cancellationEndsTheWait() async {
        let clock = clock
        let task = Task {
            try await RetryPolicy().run(clock: clock) { number, _ -> RetryOutcome<Int> in
                withUnsafeCurrentTask { $0?.cancel() }
                return .again(after: nil, failure: Failure(number: number))
            }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
