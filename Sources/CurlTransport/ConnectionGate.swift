import HTTPTransport

/// Lets so many exchanges at a time go to one host, and so many to all hosts.
///
/// The others wait in the order they came.
///
/// Waiting here does not count against the deadlines of an exchange, as it would inside libcurl. Nothing has to be done
/// at the end: the permits of what then fails come back, and whoever gets one finds that the thread has ended.
final class ConnectionGate: Sendable {
    struct Limits: Sendable {
        var perHost: Int
        var total: Int
        var waiting: Int
        var longestWait: Duration
    }

    struct Origin: Hashable, Sendable, CustomStringConvertible {
        let scheme: HTTPURL.Scheme
        let authority: String

        init(_ url: HTTPURL) {
            scheme = url.scheme
            authority = url.authority
        }

        var description: String { "\(scheme.rawValue)://\(authority)" }
    }

    /// The right to have one exchange with a host, until it is released.
    final class Permit: Sendable {
        private let gate: ConnectionGate
        private let origin: Origin
        private let isHeld = Locked(true)

        fileprivate init(_ gate: ConnectionGate, _ origin: Origin) {
            self.gate = gate
            self.origin = origin
        }

        deinit { release() }

        /// May be called any number of times.
        func release() {
            let wasHeld = isHeld.withLock { isHeld in
                defer { isHeld = false }
                return isHeld
            }
            if wasHeld { gate.release(origin) }
        }
    }

    private struct Waiter: Sendable {
        let id: Int
        let origin: Origin
        let deadline: ContinuousClock.Instant
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var activePerHost: [Origin: Int] = [:]
        var active = 0
        var mostActive = 0
        var waiters: [Waiter] = []
        var lastID = 0
    }

    private enum Entry {
        case entered
        case queued(id: Int)
        case refused(TransportError)
    }

    private let limits: Limits
    private let state = Locked(State())

    init(_ limits: Limits) { self.limits = limits }

    /// Exchanges that are let through, and callers that wait.
    var counts: (active: Int, waiting: Int) { state.withLock { ($0.active, $0.waiters.count) } }

    /// The most exchanges that were let through at a time.
    var mostActive: Int { state.withLock { $0.mostActive } }

    /// Waits for a place.
    /// - Throws: ``TransportError`` when too many wait or when the wait is too long, and `CancellationError`.
    func enter(_ origin: Origin) async throws -> Permit {
        // The id is needed before the continuation exists, by the handler that cancels.
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                switch register(id, origin, continuation) {
                case .entered: continuation.resume()
                case .refused(let error): continuation.resume(throwing: error)
                // Cancelled before it was registered: the handler found nothing to cancel.
                case .queued(let id): if Task.isCancelled { cancel(id) }
                }
            }
        } onCancel: {
            cancel(id)
        }
        return Permit(self, origin)
    }

    /// Fails those who have waited too long.
    func expire(now: ContinuousClock.Instant) {
        let (expired, waiting) = state.withLock { state in
            let expired = state.waiters.filter { $0.deadline <= now }
            if !expired.isEmpty { state.waiters.removeAll { $0.deadline <= now } }
            return (expired, state.waiters.count)
        }
        for waiter in expired {
            let error = TransportError(
                .connect,
                "\(waiter.origin): no connection became free within \(limits.longestWait); \(waiting) others wait")
            waiter.continuation.resume(throwing: error)
        }
    }

    private func register(
        _ id: Int, _ origin: Origin, _ continuation: CheckedContinuation<Void, any Error>
    ) -> Entry {
        state.withLock { state in
            if hasRoom(for: origin, state) {
                admit(origin, &state)
                return .entered
            }
            guard state.waiters.count < limits.waiting else {
                return .refused(
                    TransportError(.connect, "\(origin): \(state.waiters.count) requests wait for a connection already")
                )
            }
            let deadline = ContinuousClock.now + limits.longestWait
            state.waiters.append(Waiter(id: id, origin: origin, deadline: deadline, continuation: continuation))
            return .queued(id: id)
        }
    }

    private func cancel(_ id: Int) {
        let waiter = state.withLock { state in
            state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
        }
        waiter?.continuation.resume(throwing: CancellationError())
    }

    private func release(_ origin: Origin) {
        let next = state.withLock { state -> Waiter? in
            state.active -= 1
            let remaining = state.activePerHost[origin, default: 1] - 1
            state.activePerHost[origin] = remaining > 0 ? remaining : nil
            // One place became free, so at most one can enter: whoever waits longest among those it fits.
            guard let index = state.waiters.firstIndex(where: { hasRoom(for: $0.origin, state) }) else { return nil }
            let waiter = state.waiters.remove(at: index)
            admit(waiter.origin, &state)
            return waiter
        }
        next?.continuation.resume()
    }

    private func hasRoom(for origin: Origin, _ state: State) -> Bool {
        state.active < limits.total && state.activePerHost[origin, default: 0] < limits.perHost
    }

    private func admit(_ origin: Origin, _ state: inout State) {
        state.active += 1
        state.mostActive = max(state.mostActive, state.active)
        state.activePerHost[origin, default: 0] += 1
    }
}
