/// Retries of idempotent requests after transient failures, with exponentially growing, fully jittered waits.
public struct RetryPolicy: Sendable {
    /// How often an operation is tried at most.
    ///
    /// Default 3.
    public var attempts: Int
    /// The upper end of the first wait, doubled after each attempt.
    ///
    /// Default 200 ms.
    public var firstDelay: Duration
    /// The upper end of every wait.
    ///
    /// Default 5 s.
    public var longestDelay: Duration
    /// No attempt starts, and no wait goes, beyond it.
    ///
    /// Default 20 s.
    public var total: Duration

    /// Sets what differs from the defaults.
    public init(
        attempts: Int = 3,
        firstDelay: Duration = .milliseconds(200),
        longestDelay: Duration = .seconds(5),
        total: Duration = .seconds(20)
    ) {
        self.attempts = attempts
        self.firstDelay = firstDelay
        self.longestDelay = longestDelay
        self.total = total
    }

    /// One attempt, whatever comes of it.
    public static let none = RetryPolicy(attempts: 1)

    /// Runs `attempt` until it answers `.done`, or has answered `.again` often or long enough.
    ///
    /// A wait that the server asks for wins over the computed one; when it would leave ``total``, the failure is
    /// thrown at once instead.
    /// - Parameters:
    ///   - clock: measures the total and does the waiting.
    ///   - attempt: one try; gets its number, from 1, and what is left of ``total``.
    /// - Throws: what `attempt` throws, the failure of its last `.again`, and `CancellationError`.
    public func run<Value: Sendable>(
        clock: any Clock<Duration> = ContinuousClock(),
        _ attempt: (_ number: Int, _ remaining: Duration) async throws -> RetryOutcome<Value>
    ) async throws -> Value {
        try await run(on: clock, attempt)
    }

    private func run<Value: Sendable, Time: Clock>(
        on clock: Time,
        _ attempt: (_ number: Int, _ remaining: Duration) async throws -> RetryOutcome<Value>
    ) async throws -> Value where Time.Duration == Duration {
        let start = clock.now
        var number = 1
        while true {
            try Task.checkCancellation()
            switch try await attempt(number, total - start.duration(to: clock.now)) {
            case .done(let value):
                return value
            case .again(let asked, let failure):
                guard number < attempts else { throw failure }
                let wait = asked.map { max($0, .zero) } ?? longestWait(after: number) * Double.random(in: 0...1)
                guard start.duration(to: clock.now) + wait < total else { throw failure }
                try await clock.sleep(for: wait)
                number += 1
            }
        }
    }

    /// The upper end of the wait after an attempt, by its number.
    func longestWait(after number: Int) -> Duration {
        var wait = firstDelay
        for _ in 1..<max(number, 1) where wait < longestDelay { wait *= 2 }
        return min(wait, longestDelay)
    }
}

/// What came of one attempt.
public enum RetryOutcome<Value: Sendable>: Sendable {
    /// The operation is over and has this value.
    case done(Value)
    /// It may succeed later: `after` is the wait that the server asked for, `failure` what to throw when there is no later.
    case again(after: Duration?, failure: any Error)
}
