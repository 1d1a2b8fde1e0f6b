import Synchronization

/// How many bytes of a body may still be sent before its connection breaks.
final class ByteBudget: Sendable {
    private let left: Mutex<Int?>

    /// - Parameter limit: `nil` for no limit.
    init(_ limit: Int?) { left = Mutex(limit) }

    var isSpent: Bool { left.withLock { $0 == 0 } }

    /// Takes as much as there is of what is wanted.
    func take(_ wanted: Int) -> Int {
        left.withLock { left in
            guard let limit = left else { return wanted }
            let taken = min(limit, wanted)
            left = limit - taken
            return taken
        }
    }

    /// From now on at most so many bytes.
    func limit(to count: Int) { left.withLock { $0 = min($0 ?? count, count) } }
}

/// The streams that are being sent, so that they can be cut.
final class OpenStreams: Sendable {
    struct Stream: Sendable {
        var request: APIRequest
        var budget: ByteBudget
        /// Ends it now, also when there is nothing to send.
        var end: @Sendable () -> Void
    }

    private let state = Mutex<(streams: [Int: Stream], next: Int)>(([:], 0))

    func add(_ stream: Stream) -> Int {
        state.withLock { state in
            state.next += 1
            state.streams[state.next] = stream
            return state.next
        }
    }

    func remove(_ number: Int) { state.withLock { $0.streams[number] = nil } }

    /// Breaks those that match after so many further bytes of each.
    func cut(afterBytes count: Int, _ matches: (APIRequest) -> Bool) {
        for stream in state.withLock({ Array($0.streams.values) }) where matches(stream.request) {
            stream.budget.limit(to: count)
            if count == 0 { stream.end() }
        }
    }
}
