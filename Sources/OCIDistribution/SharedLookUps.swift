/// Look-ups that many callers share: one at a time of each thing, a few at a time of all, and each answer kept for a while.
///
/// That there is nothing is not kept, and neither is a failure; those who waited for it share it. A caller that is
/// cancelled leaves the others alone.
public actor SharedLookUps<Key: Hashable & Sendable, Value: Sendable> {
    private struct Flight {
        var number: Int
        var operation: SharedOperation<Value?>
    }

    /// How old a kept answer may be for somebody who wants to know how it is now.
    private let newest: Duration = .seconds(2)
    private let maxAge: Duration
    private let capacity: Int
    private let timeline: Timeline
    private let lookUp: @Sendable (Key) async throws -> Value?
    private var kept: [Key: (value: Value, began: Duration)] = [:]
    private var running: [Key: Flight] = [:]
    private var free: Int
    private var queue: [(number: Int, continuation: CheckedContinuation<Bool, Never>)] = []
    private var numbers = 0

    /// Shares what `lookUp` answers.
    /// - Parameters:
    ///   - maxAge: how old a kept answer may be.
    ///   - width: how many look-ups run at a time, 8 by default; the others wait for their turn.
    ///   - capacity: how many answers are kept; beyond it all are forgotten, which costs requests and nothing else.
    ///   - clock: measures ages.
    ///   - lookUp: looks something up; `nil` where there is nothing.
    public init(
        maxAge: Duration, width: Int = 8, capacity: Int = 10_000, clock: any Clock<Duration> = ContinuousClock(),
        lookUp: @escaping @Sendable (Key) async throws -> Value?
    ) {
        self.maxAge = maxAge
        self.capacity = capacity
        free = width
        timeline = Timeline(clock)
        self.lookUp = lookUp
    }

    /// What there is under a key; `nil` where there is nothing.
    /// - Parameter anew: Whether what is kept for more than 2 s will not do.
    /// - Throws: What the look-up throws, and `CancellationError`.
    public func value(of key: Key, anew: Bool = false) async throws -> Value? {
        if let kept = kept[key], timeline.now() - kept.began <= (anew ? min(newest, maxAge) : maxAge) {
            return kept.value
        }
        if let flight = running[key], let ticket = flight.operation.join() {
            return try await flight.operation.value(for: ticket)
        }
        let number = nextNumber()
        let operation = SharedOperation<Value?> { try await self.run(number, key) }
        running[key] = Flight(number: number, operation: operation)
        operation.start()
        return try await operation.value(for: operation.makersTicket)
    }

    /// Forgets what is known under some keys, because it has changed; look-ups under way answer those who wait for them, and
    /// nobody else.
    public func drop(_ isOutdated: (Key) -> Bool) {
        kept = kept.filter { !isOutdated($0.key) }
        running = running.filter { !isOutdated($0.key) }
    }

    private func nextNumber() -> Int {
        numbers += 1
        return numbers
    }

    private func run(_ number: Int, _ key: Key) async throws -> Value? {
        do {
            try await enter()
            defer { leave() }
            let began = timeline.now()
            let value = try await lookUp(key)
            if running[key]?.number == number {
                running[key] = nil
                if kept.count >= capacity { kept.removeAll() }
                kept[key] = value.map { ($0, began) }
            }
            return value
        } catch {
            if running[key]?.number == number { running[key] = nil }
            throw error
        }
    }

    // MARK: Taking turns

    private func enter() async throws {
        guard free == 0 else {
            free -= 1
            return
        }
        let number = nextNumber()
        let isAdmitted = await withTaskCancellationHandler {
            await withCheckedContinuation { queue.append((number, $0)) }
        } onCancel: {
            Task { await self.giveUp(number) }
        }
        guard isAdmitted else { throw CancellationError() }
    }

    private func giveUp(_ number: Int) {
        guard let index = queue.firstIndex(where: { $0.number == number }) else { return }
        queue.remove(at: index).continuation.resume(returning: false)
    }

    private func leave() {
        if queue.isEmpty {
            free += 1
        } else {
            queue.removeFirst().continuation.resume(returning: true)
        }
    }
}
