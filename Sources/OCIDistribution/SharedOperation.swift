internal import Synchronization

/// One operation that several tasks wait for.
///
/// A waiter whose task is cancelled leaves without disturbing the others; when the last one has left, the operation
/// itself is cancelled, and nobody can join it any more.
final class SharedOperation<Value: Sendable>: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        /// The continuation is missing between joining and waiting.
        var waiters: [Int: CheckedContinuation<Value, any Error>?] = [0: nil]
        var joined = 0
        var outcome: Result<Value, any Error>?
        var isAbandoned = false
    }

    /// A place among the waiters.
    struct Ticket: Sendable {
        fileprivate var number: Int
    }

    /// The place of whoever makes the operation, who is the first to wait for it.
    let makersTicket = Ticket(number: 0)

    private let state = Mutex(State())
    private let operation: @Sendable () async throws -> Value

    /// Describes an operation; ``start()`` starts it.
    ///
    /// Its maker waits for it with ``makersTicket``.
    init(_ operation: @escaping @Sendable () async throws -> Value) { self.operation = operation }

    /// Whether it has an outcome, or everybody who waited for it has left.
    var isOver: Bool { state.withLock { $0.isAbandoned || $0.outcome != nil } }

    /// How many have a place now.
    var waiterCount: Int { state.withLock(\.waiters.count) }

    /// Starts the operation unless everybody has left or it was started before.
    func start() {
        state.withLock { state in
            guard !state.isAbandoned, state.task == nil else { return }
            // Unstructured, because it belongs to all waiters and may outlive the one that started it.
            state.task = Task { [operation] in
                do {
                    self.finish(.success(try await operation()))
                } catch {
                    self.finish(.failure(error))
                }
            }
        }
    }

    /// Takes a place among the waiters, to be followed by ``value(for:)``; `nil` when the operation is over.
    func join() -> Ticket? {
        state.withLock { state in
            guard !state.isAbandoned, state.outcome == nil else { return nil }
            state.joined += 1
            state.waiters[state.joined] = .some(nil)
            return Ticket(number: state.joined)
        }
    }

    /// Waits for the outcome.
    /// - Throws: what the operation throws, and `CancellationError` as soon as the waiting task is cancelled.
    func value(for ticket: Ticket) async throws -> Value {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome: Result<Value, any Error>? = state.withLock { state in
                    guard state.waiters[ticket.number] != nil else { return .failure(CancellationError()) }
                    if let outcome = state.outcome {
                        state.waiters[ticket.number] = nil
                        return outcome
                    }
                    state.waiters[ticket.number] = .some(continuation)
                    return nil
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            leave(ticket)
        }
    }

    private func leave(_ ticket: Ticket) {
        let (continuation, task) = state.withLock { state in
            let continuation = state.waiters.removeValue(forKey: ticket.number) ?? nil
            guard state.waiters.isEmpty, state.outcome == nil else { return (continuation, nil as Task<Void, Never>?) }
            state.isAbandoned = true
            return (continuation, state.task)
        }
        continuation?.resume(throwing: CancellationError())
        task?.cancel()
    }

    private func finish(_ outcome: Result<Value, any Error>) {
        let continuations = state.withLock { state in
            state.outcome = outcome
            let continuations = state.waiters.values.compactMap(\.self)
            // Those who have joined and not begun to wait find the outcome when they do.
            state.waiters = state.waiters.filter { $0.value == nil }
            return continuations
        }
        for continuation in continuations { continuation.resume(with: outcome) }
    }
}
