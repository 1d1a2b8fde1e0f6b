import HTTPTransport

/// What an ``Exchange`` knows, and what follows from each thing that happens to it.
///
/// Continuations are handed back as effects, to be resumed once the lock is released.
struct ExchangeState {
    /// What becomes of bytes that arrived.
    enum Acceptance: Sendable {
        case accepted
        /// Not taken: the reader is behind. They have to be offered again after a resume.
        case full
        /// Not taken: nobody wants them any more.
        case refused
    }

    /// What is to be done outside the lock.
    struct Effects: Sendable {
        var head: (CheckedContinuation<ResponseHead, any Error>, Result<ResponseHead, any Error>)?
        var reader: (CheckedContinuation<[UInt8]?, any Error>, Result<[UInt8]?, any Error>)?
        var resumesTransfer = false
        var cancelsTransfer = false

        var isEmpty: Bool { head == nil && reader == nil && !resumesTransfer && !cancelsTransfer }
    }

    /// Bytes that are kept for a reader who is behind.
    ///
    /// One delivery of libcurl (16 KiB) may come on top.
    static let highWatermark = 256 * 1024

    private var headWaiter: CheckedContinuation<ResponseHead, any Error>?
    private var reader: CheckedContinuation<[UInt8]?, any Error>?
    private var buffer: [UInt8] = []
    private var isPaused = false
    private var isAbandoned = false
    /// How the exchange ended; `nil` while it goes on.
    private var end: Result<Void, any Error>?

    var isOver: Bool { end != nil }

    mutating func waitForHead(_ continuation: CheckedContinuation<ResponseHead, any Error>) -> Effects {
        if case .failure(let error) = end { return Effects(head: (continuation, .failure(error))) }
        headWaiter = continuation
        return Effects()
    }

    mutating func publish(_ head: ResponseHead) -> Effects {
        guard let headWaiter else { return Effects() }
        self.headWaiter = nil
        return Effects(head: (headWaiter, .success(head)))
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) -> (Acceptance, Effects) {
        guard end == nil else { return (.refused, Effects()) }
        if isAbandoned { return (.accepted, Effects()) }
        if let reader {
            self.reader = nil
            return (.accepted, Effects(reader: (reader, .success(Array(bytes)))))
        }
        guard buffer.count < Self.highWatermark else {
            isPaused = true
            return (.full, Effects())
        }
        buffer.append(contentsOf: bytes)
        return (.accepted, Effects())
    }

    mutating func read(_ continuation: CheckedContinuation<[UInt8]?, any Error>) -> Effects {
        if !buffer.isEmpty {
            // All at once, so that there is one buffer to keep and a resume follows an empty one.
            let effects = Effects(reader: (continuation, .success(buffer)), resumesTransfer: isPaused && end == nil)
            buffer = []
            isPaused = false
            return effects
        }
        switch end {
        case .success: return Effects(reader: (continuation, .success(nil)))
        case .failure(let error): return Effects(reader: (continuation, .failure(error)))
        case nil: break
        }
        guard reader == nil else {
            let error = TransportError(.other, "the body of an answer is read by two tasks at a time; only one may")
            return Effects(reader: (continuation, .failure(error)))
        }
        reader = continuation
        return Effects()
    }

    mutating func finish(_ error: (any Error)?) -> Effects {
        guard end == nil else { return Effects() }
        end = error.map { .failure($0) } ?? .success(())
        var effects = Effects()
        if let headWaiter {
            effects.head = (headWaiter, .failure(error ?? CancellationError()))
            self.headWaiter = nil
        }
        if let reader {
            effects.reader = (reader, error.map { .failure($0) } ?? .success(nil))
            self.reader = nil
        }
        return effects
    }

    /// Ends the exchange and forgets what has arrived.
    mutating func cancel() -> Effects {
        let wasOver = isOver
        var effects = finish(CancellationError())
        buffer = []
        end = .failure(CancellationError())
        effects.cancelsTransfer = !wasOver
        return effects
    }

    /// Forgets what has arrived and what will; answers whether the transfer goes on.
    mutating func abandon() -> Bool {
        isAbandoned = true
        buffer = []
        return end == nil
    }
}
