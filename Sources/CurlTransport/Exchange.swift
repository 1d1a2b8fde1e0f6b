import HTTPTransport
import HTTPTypes

/// One request and its answer, between the task that waits for it and the thread that drives libcurl.
final class Exchange: Sendable {
    let request: OutboundRequest
    private let loop: CurlLoop
    private let state = Locked(ExchangeState())

    init(_ request: OutboundRequest, on loop: CurlLoop) {
        self.request = request
        self.loop = loop
    }

    /// What is tried, for errors.
    var summary: String { "\(request.method.rawValue) \(request.url.withoutQuery)" }

    // MARK: For the task

    /// Sends the request and waits for the head of the answer.
    func start(with permit: ConnectionGate.Permit) async throws -> ResponseHead {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let effects = state.withLock { $0.waitForHead(continuation) }
                guard effects.isEmpty else { return perform(effects) }
                if !loop.send(.start(self, permit)) { finish(.shutDown(summary)) }
            }
        } onCancel: {
            cancel()
        }
    }

    /// The next bytes of the body, `nil` at its end.
    func next() async throws -> [UInt8]? {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                perform(state.withLock { $0.read(continuation) })
            }
        } onCancel: {
            cancel()
        }
    }

    /// Nobody will read the rest of the body.
    func abandon() {
        if state.withLock({ $0.abandon() }) { loop.send(.abandon(self)) }
    }

    private func cancel() { perform(state.withLock { $0.cancel() }) }

    // MARK: For the thread

    /// Whether there is nobody left who waits for an answer.
    var isOver: Bool { state.withLock { $0.isOver } }

    func publish(_ head: ResponseHead) { perform(state.withLock { $0.publish(head) }) }

    func write(_ bytes: UnsafeRawBufferPointer) -> ExchangeState.Acceptance {
        let (acceptance, effects) = state.withLock { $0.write(bytes) }
        perform(effects)
        return acceptance
    }

    /// The answer is complete, or `error` is why it never will be.
    func finish(_ error: TransportError?) { perform(state.withLock { $0.finish(error) }) }

    private func perform(_ effects: ExchangeState.Effects) {
        if let (continuation, result) = effects.head { continuation.resume(with: result) }
        if let (continuation, result) = effects.reader { continuation.resume(with: result) }
        if effects.resumesTransfer { loop.send(.resume(self)) }
        if effects.cancelsTransfer { loop.send(.cancel(self)) }
    }
}
