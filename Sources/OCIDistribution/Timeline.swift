/// The readings of a clock as the time since this value was made, so that clocks of any kind can be held and compared.
struct Timeline: Sendable {
    /// The time that has passed.
    let now: @Sendable () -> Duration

    init(_ clock: any Clock<Duration>) {
        func reading<Time: Clock>(_ clock: Time) -> @Sendable () -> Duration where Time.Duration == Duration {
            let start = clock.now
            return { start.duration(to: clock.now) }
        }
        now = reading(clock)
    }
}

/// The point in time by which an operation has to be over.
struct Deadline: Sendable {
    private let timeline: Timeline
    private let limit: Duration

    init(after limit: Duration, on clock: any Clock<Duration>) {
        timeline = Timeline(clock)
        self.limit = limit
    }

    /// What is left, zero at least.
    var remaining: Duration { max(limit - timeline.now(), .zero) }
}

/// Thrown when the time is up.
struct DeadlineExceeded: Error {}

/// Runs an operation and cancels it when the time is up, so that an answer comes in time whatever hangs beneath.
/// - Throws: ``DeadlineExceeded``, or what the operation throws.
func withDeadline<Value: Sendable>(
    _ limit: Duration, clock: any Clock<Duration>, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await clock.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        // The first of the two decides: the operation's value or error, or the end of the time.
        guard let first = try await group.next(), let value = first else { throw DeadlineExceeded() }
        return value
    }
}
