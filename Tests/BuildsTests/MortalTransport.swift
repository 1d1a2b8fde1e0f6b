import HTTPTransport
import Synchronization

@testable import Builds

/// Everything that a process sends until it is killed before or after a request, and nothing from then on.
final class MortalTransport: Transport {
    private let base: any Transport
    private let last: Int
    private let isCarriedOut: Bool
    private let sent = Mutex(0)
    private let died = Signal()

    /// - Parameters:
    ///   - last: The number of the request with which the process dies.
    ///   - isCarriedOut: Whether that request still arrives.
    init(_ base: any Transport, last: Int, isCarriedOut: Bool) {
        self.base = base
        self.last = last
        self.isCarriedOut = isCarriedOut
    }

    var isDead: Bool { sent.withLock { $0 >= last } }

    func death() async throws { try await died.wait(upTo: .seconds(60), on: ContinuousClock()) }

    func send(_ request: OutboundRequest) async throws -> InboundResponse {
        let number = sent.withLock { sent in
            sent += 1
            return sent
        }
        if number < last { return try await base.send(request) }
        if number == last, isCarriedOut { _ = try await base.send(request) }
        died.raise()
        // Until the task is cancelled, as everything of a killed process ends.
        while true { try await Task.sleep(for: .seconds(3600)) }
    }
}
